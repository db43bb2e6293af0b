// Memory with a write port and a registered read port. `read_data` keeps its value while `read` is
// low; reading the address that is being written gives an undefined value. Not initialised: LUTRAM
// with an INIT takes Yosys three times as long.
module simple_dual_port_ram #(
    int WIDTH = 8,
    int DEPTH = 32,
    string RAM_STYLE = "distributed",  // registers, distributed or block
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic ap_clk,
    input  logic write,
    input  logic [ADDRESS_WIDTH-1:0] write_address,
    input  logic [WIDTH-1:0] write_data,
    input  logic read,
    input  logic [ADDRESS_WIDTH-1:0] read_address,
    output logic [WIDTH-1:0] read_data
);
    // An attribute takes no parameter in every tool, so each style has its own declaration.
    if (RAM_STYLE == "block") begin : block
        (* ram_style = "block" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) if (write) memory[write_address] <= write_data;
        always_ff @(posedge ap_clk) if (read) read_data <= memory[read_address];
    end else if (RAM_STYLE == "distributed") begin : distributed
        (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) if (write) memory[write_address] <= write_data;
        always_ff @(posedge ap_clk) if (read) read_data <= memory[read_address];
    end else begin : registers
        (* ram_style = "registers" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) if (write) memory[write_address] <= write_data;
        always_ff @(posedge ap_clk) if (read) read_data <= memory[read_address];
    end
endmodule
