// Sum of N operands of 0..GREATEST, two at a time; each of the $clog2(N) levels ends in registers.
// One LUT and one carry chain deep.
module unsigned_adder_tree #(
    int N = 8,
    int GREATEST = 4,
    localparam int IN_WIDTH = $clog2(GREATEST + 1),
    localparam int OUT_WIDTH = $clog2(N * GREATEST + 1)
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic ap_clk,  // for N = 1 there is nothing to clock
    input  logic enable,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [N*IN_WIDTH-1:0] operands,
    output logic [OUT_WIDTH-1:0] sum
);
    if (N == 1) begin : one
        assign sum = operands;
    end else begin : level
        localparam int SUMS = (N + 1) / 2;
        localparam int WIDTH = $clog2(2 * GREATEST + 1);
        logic [SUMS*WIDTH-1:0] sums;
        logic [$clog2(SUMS*2*GREATEST+1)-1:0] total;

        always_ff @(posedge ap_clk) begin
            if (enable) begin
                for (int i = 0; i < N / 2; i++) begin
                    sums[i*WIDTH+:WIDTH] <= WIDTH'(operands[2*i*IN_WIDTH+:IN_WIDTH])
                        + WIDTH'(operands[(2*i+1)*IN_WIDTH+:IN_WIDTH]);
                end
                if (N % 2 == 1) begin
                    sums[(SUMS-1)*WIDTH+:WIDTH] <= WIDTH'(operands[(N-1)*IN_WIDTH+:IN_WIDTH]);
                end
            end
        end
        unsigned_adder_tree #(
            .N(SUMS),
            .GREATEST(2 * GREATEST)
        ) further (
            .ap_clk,
            .enable,
            .operands(sums),
            .sum(total)
        );
        assign sum = OUT_WIDTH'(total);
    end
endmodule
