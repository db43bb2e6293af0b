// Fixed contents: DEPTH lines of WIDTH bits, read latency one cycle of `enable`.
module read_only_memory #(
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
        (* rom_style = "block" *) logic [WIDTH-1:0] memory[DEPTH];
        initial $readmemh(FILE, memory);
        always_ff @(posedge ap_clk) if (enable) read_data <= memory[address];
    end else begin : distributed
        // Yosys has no LUTRAM without a write port: a table in LUTs is "logic" to it, and Vivado, which
        // knows no such style, chooses by size.
        (* rom_style = "logic" *) logic [WIDTH-1:0] memory[DEPTH];
        initial $readmemh(FILE, memory);
        always_ff @(posedge ap_clk) if (enable) read_data <= memory[address];
    end
endmodule
