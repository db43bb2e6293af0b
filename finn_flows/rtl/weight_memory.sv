// Weight memory of one PE: DEPTH lines of WIDTH bits, one port, read latency LATENCY cycles of
// `enable`. A write takes the port for its cycle: nothing may be read in it.
//
// One port and no initial value make LUTRAM a third smaller than a separate write port does. A depth
// that is no power of two is put together of banks that are, so that none is half empty.
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
            else if (enable) read_data <= memory[address];
        end
    end else begin : distributed
        (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) begin
            if (write) memory[address] <= write_data;
            if (enable) read_data <= memory[address];
        end
    end
endmodule
