// LUTRAM with one port, read without a clock. One port and no initial value make it a quarter smaller
// than with a separate write port. A depth that is no power of two is put together of banks that are:
// 144 lines are 128 and 16, 2.5 LUTs a bit, where three banks of 64 would be 3.
module single_port_lutram #(
    int WIDTH = 32,
    int DEPTH = 144,
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic ap_clk,
    input  logic write,
    input  logic [ADDRESS_WIDTH-1:0] address,
    input  logic [WIDTH-1:0] write_data,
    output logic [WIDTH-1:0] read_data
);
    if (DEPTH <= 32 || DEPTH == 1 << ADDRESS_WIDTH) begin : bank
        (* ram_style = "distributed" *) logic [WIDTH-1:0] memory[DEPTH];
        always_ff @(posedge ap_clk) if (write) memory[address] <= write_data;
        assign read_data = memory[address];
    end else begin : banks
        localparam int LOW = 1 << (ADDRESS_WIDTH - 1);
        localparam int HIGH = DEPTH - LOW;
        localparam int HIGH_ADDRESS_WIDTH = HIGH > 1 ? $clog2(HIGH) : 1;
        logic is_high;
        logic [WIDTH-1:0] low_data, high_data;

        assign is_high = address[ADDRESS_WIDTH-1];
        assign read_data = is_high ? high_data : low_data;
        single_port_lutram #(
            .WIDTH(WIDTH),
            .DEPTH(LOW)
        ) low (
            .ap_clk,
            .write(write && !is_high),
            .address(address[ADDRESS_WIDTH-2:0]),
            .write_data,
            .read_data(low_data)
        );
        single_port_lutram #(
            .WIDTH(WIDTH),
            .DEPTH(HIGH)
        ) high (
            .ap_clk,
            .write(write && is_high),
            .address(address[HIGH_ADDRESS_WIDTH-1:0]),
            .write_data,
            .read_data(high_data)
        );
    end
endmodule
