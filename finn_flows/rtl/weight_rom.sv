// Fixed weights: DEPTH lines of WIDTH bits (all PEs side by side), read latency one cycle.
module weight_rom #(
    int WIDTH = 256,
    int DEPTH = 576,
    string RAM_STYLE = "block",  // distributed or block
    string FILE = "",  // for $readmemh, one line an address
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic [ADDRESS_WIDTH-1:0] address,
    output logic [WIDTH-1:0] read_data
);
    if (RAM_STYLE == "block") begin : block
        (* ram_style = "block" *) logic [WIDTH-1:0] memory[DEPTH];
        initial $readmemh(FILE, memory);
        always_ff @(posedge ap_clk) if (enable) read_data <= memory[address];
    end else begin : distributed
        (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
        initial $readmemh(FILE, memory);
        always_ff @(posedge ap_clk) if (enable) read_data <= memory[address];
    end
endmodule
