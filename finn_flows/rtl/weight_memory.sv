// Weight memory of one PE: DEPTH lines of WIDTH bits, one port, read latency one cycle of `enable`. A
// write takes the port for its cycle: keep `enable` low in it.
module weight_memory #(
    int WIDTH = 32,
    int DEPTH = 576,
    string RAM_STYLE = "block",  // distributed or block
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic write,
    input  logic [ADDRESS_WIDTH-1:0] address,
    input  logic [WIDTH-1:0] write_data,
    output logic [WIDTH-1:0] read_data
);
    if (RAM_STYLE == "block") begin : block
        (* ram_style = "block" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) begin
            if (write) memory[address] <= write_data;
            if (enable) read_data <= memory[address];
        end
    end else begin : distributed
        logic [WIDTH-1:0] line;
        single_port_lutram #(
            .WIDTH(WIDTH),
            .DEPTH(DEPTH)
        ) storage (
            .ap_clk,
            .write,
            .address,
            .write_data,
            .read_data(line)
        );
        always_ff @(posedge ap_clk) if (enable) read_data <= line;
    end
endmodule
