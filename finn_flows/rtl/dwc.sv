// Data width converter between any two widths: the first bits in are the least significant, and
// the first out. Elements are gathered to the least common multiple of the widths and dealt out
// again, each half only where the widths need it. Full throughput.
module dwc #(
    int IN_WIDTH  = 8,
    int OUT_WIDTH = 8
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [IN_WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [OUT_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    function automatic int greatest_common_divisor(input int a, input int b);
        int rest;
        while (b != 0) begin
            rest = a % b;
            a = b;
            b = rest;
        end
        return a;
    endfunction
    localparam int COMMON = IN_WIDTH / greatest_common_divisor(IN_WIDTH, OUT_WIDTH) * OUT_WIDTH;

    logic [COMMON-1:0] common_data;
    logic common_valid, common_ready;

    gather #(
        .IN_WIDTH(IN_WIDTH),
        .ELEMENTS(COMMON / IN_WIDTH)
    ) gathering (
        .ap_clk,
        .ap_rst_n,
        .in0_V_TDATA,
        .in0_V_TVALID,
        .in0_V_TREADY,
        .out0_V_TDATA (common_data),
        .out0_V_TVALID(common_valid),
        .out0_V_TREADY(common_ready)
    );
    deal #(
        .OUT_WIDTH(OUT_WIDTH),
        .ELEMENTS (COMMON / OUT_WIDTH)
    ) dealing (
        .ap_clk,
        .ap_rst_n,
        .in0_V_TDATA (common_data),
        .in0_V_TVALID(common_valid),
        .in0_V_TREADY(common_ready),
        .out0_V_TDATA,
        .out0_V_TVALID,
        .out0_V_TREADY
    );
endmodule
