// Sum of N signed operands, two at a time, without registers.
module adder_tree #(
    int N = 16,
    int IN_WIDTH = 2,
    int OUT_WIDTH = 6
) (
    input  logic [N*IN_WIDTH-1:0] operands,
    output logic signed [OUT_WIDTH-1:0] sum
);
    if (N == 1) begin : one
        assign sum = OUT_WIDTH'($signed(operands));
    end else begin : two
        localparam int HALF = N / 2;
        localparam int LOW_WIDTH = IN_WIDTH + $clog2(HALF);
        localparam int HIGH_WIDTH = IN_WIDTH + $clog2(N - HALF);
        logic signed [LOW_WIDTH-1:0] low;
        logic signed [HIGH_WIDTH-1:0] high;
        adder_tree #(
            .N(HALF),
            .IN_WIDTH(IN_WIDTH),
            .OUT_WIDTH(LOW_WIDTH)
        ) lower (
            .operands(operands[HALF*IN_WIDTH-1:0]),
            .sum(low)
        );
        adder_tree #(
            .N(N - HALF),
            .IN_WIDTH(IN_WIDTH),
            .OUT_WIDTH(HIGH_WIDTH)
        ) upper (
            .operands(operands[N*IN_WIDTH-1:HALF*IN_WIDTH]),
            .sum(high)
        );
        assign sum = OUT_WIDTH'(low) + OUT_WIDTH'(high);
    end
endmodule
