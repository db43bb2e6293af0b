// Sum over SIMD lanes of weight x activation, for one PE, in LUTs alone. Two cycles of `enable`.
//
// The sum is taken bit plane by bit plane: planes of weights AND planes of activations are counted
// and the counts added with their signs. A bipolar bit b stands for 2b - 1. Two cases are better:
//   ternary x ternary, values -1, 0, 1: bit 0 of the code says "not zero", bit 1 the sign, so that
//     sum = (how many products are not zero) - 2 (how many are negative);
//   wide activations: whole activations, masked by a weight's bit, are added.
module dot_product #(
    int SIMD = 16,
    int ACTIVATION_WIDTH = 2,
    bit SIGNED_ACTIVATIONS = 1,
    bit BIPOLAR_ACTIVATIONS = 0,
    bit NARROW_ACTIVATIONS = 0,
    int WEIGHT_WIDTH = 2,
    bit BIPOLAR_WEIGHTS = 0,
    bit NARROW_WEIGHTS = 0,
    localparam int RESULT_WIDTH = ACTIVATION_WIDTH + WEIGHT_WIDTH + $clog2(SIMD) + 1
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic [SIMD*ACTIVATION_WIDTH-1:0] activations,
    input  logic [SIMD*WEIGHT_WIDTH-1:0] weights,
    output logic signed [RESULT_WIDTH-1:0] sum
);
    localparam int COUNT_WIDTH = $clog2(SIMD + 1);
    typedef logic signed [RESULT_WIDTH-1:0] result_t;
    localparam bit TERNARY_WEIGHTS = !BIPOLAR_WEIGHTS && WEIGHT_WIDTH == 2 && NARROW_WEIGHTS;
    localparam bit TERNARY_ACTIVATIONS = !BIPOLAR_ACTIVATIONS && ACTIVATION_WIDTH == 2
        && SIGNED_ACTIVATIONS && NARROW_ACTIVATIONS;

    if (TERNARY_WEIGHTS && TERNARY_ACTIVATIONS) begin : ternary
        logic [SIMD-1:0] nonzero, negative;
        logic [COUNT_WIDTH-1:0] nonzero_count, negative_count;
        always_ff @(posedge ap_clk) begin
            if (enable) begin
                for (int i = 0; i < SIMD; i++) begin
                    nonzero[i] <= activations[2*i] && weights[2*i];
                    negative[i] <= activations[2*i] && weights[2*i]
                        && (activations[2*i+1] ^ weights[2*i+1]);
                end
                sum <= result_t'(nonzero_count) - (result_t'(negative_count) << 1);
            end
        end
        popcount #(.N(SIMD)) count_nonzero (.bits(nonzero), .count(nonzero_count));
        popcount #(.N(SIMD)) count_negative (.bits(negative), .count(negative_count));
    end else if (BIPOLAR_WEIGHTS && BIPOLAR_ACTIVATIONS) begin : bipolar
        logic [SIMD-1:0] equal;
        logic [COUNT_WIDTH-1:0] equal_count;
        always_ff @(posedge ap_clk) begin
            if (enable) begin
                equal <= ~(activations ^ weights);
                sum <= (result_t'(equal_count) << 1) - result_t'(SIMD);
            end
        end
        popcount #(.N(SIMD)) count_equal (.bits(equal), .count(equal_count));
    end else begin : planes
        // Lane by lane: the weight chooses multiples of the activation.
        result_t lane_sum;
        logic [SIMD*ACTIVATION_WIDTH-1:0] activations_1;
        logic [SIMD*WEIGHT_WIDTH-1:0] weights_1;
        always_comb begin
            lane_sum = '0;
            for (int i = 0; i < SIMD; i++) begin
                logic [ACTIVATION_WIDTH-1:0] code;
                result_t value;
                code = activations_1[i*ACTIVATION_WIDTH+:ACTIVATION_WIDTH];
                if (BIPOLAR_ACTIVATIONS) value = code[0] ? result_t'(1) : -result_t'(1);
                else if (SIGNED_ACTIVATIONS) value = result_t'($signed(code));
                else value = result_t'(code);
                if (BIPOLAR_WEIGHTS) begin
                    lane_sum = weights_1[i] ? lane_sum + value : lane_sum - value;
                end else begin
                    for (int k = 0; k < WEIGHT_WIDTH; k++) begin
                        if (weights_1[i*WEIGHT_WIDTH+k]) begin
                            if (k == WEIGHT_WIDTH - 1) lane_sum = lane_sum - (value <<< k);
                            else lane_sum = lane_sum + (value <<< k);
                        end
                    end
                end
            end
        end
        always_ff @(posedge ap_clk) begin
            if (enable) begin
                activations_1 <= activations;
                weights_1 <= weights;
                sum <= lane_sum;
            end
        end
    end
endmodule
