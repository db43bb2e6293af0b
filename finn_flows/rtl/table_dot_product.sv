// Sum over SIMD lanes of activation * weight - LEAST, where LEAST is the least product: never
// negative. Lanes whose operands have at most six bits together share tables: a LUT for each bit of
// their sum, straight from the operands. An adder tree does the rest.
//
// Latency: 1 + $clog2(groups of lanes) cycles of `enable`.
module table_dot_product #(
    int SIMD = 16,
    int ACTIVATION_WIDTH = 1,
    bit SIGNED_ACTIVATIONS = 0,
    bit BIPOLAR_ACTIVATIONS = 1,  // a bit b stands for 2b - 1
    int WEIGHT_WIDTH = 2,
    bit SIGNED_WEIGHTS = 1,
    bit BIPOLAR_WEIGHTS = 0,
    int LEAST = -1,  // of the products that occur
    int GREATEST = 1,
    localparam int LANE_WIDTH = ACTIVATION_WIDTH + WEIGHT_WIDTH,
    localparam int LANES = LANE_WIDTH > 6 ? 1 : 6 / LANE_WIDTH < SIMD ? 6 / LANE_WIDTH : SIMD,
    localparam int SUM_WIDTH = $clog2(SIMD * (GREATEST - LEAST) + 1)
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic [SIMD*ACTIVATION_WIDTH-1:0] activations,
    input  logic [SIMD*WEIGHT_WIDTH-1:0] weights,
    output logic [SUM_WIDTH-1:0] sum
);
    localparam int GROUPS = (SIMD + LANES - 1) / LANES;
    localparam int GROUP_GREATEST = LANES * (GREATEST - LEAST);
    localparam int GROUP_WIDTH = $clog2(GROUP_GREATEST + 1);
    localparam int ENTRIES = 1 << (LANES * LANE_WIDTH);

    function automatic int value(
        input int code, input int width, input bit is_signed, input bit is_bipolar);
        if (is_bipolar) return 2 * code - 1;
        return is_signed && code >= 1 << (width - 1) ? code - (1 << width) : code;
    endfunction

    // Bit `bit_index` of the sum of `lanes` lanes, for every {activations, weights} of the lanes, lane
    // 0 lowest. Codes that do not occur may give anything.
    function automatic logic [ENTRIES-1:0] table_of(input int bit_index, input int lanes);
        for (int entry = 0; entry < ENTRIES; entry++) begin
            int total, operands, activation, weight;
            total = 0;
            for (int lane = 0; lane < lanes; lane++) begin
                operands = (entry >> (lane * LANE_WIDTH)) % (1 << LANE_WIDTH);
                weight = value(
                    operands % (1 << WEIGHT_WIDTH), WEIGHT_WIDTH, SIGNED_WEIGHTS, BIPOLAR_WEIGHTS);
                activation = value(
                    operands >> WEIGHT_WIDTH, ACTIVATION_WIDTH, SIGNED_ACTIVATIONS,
                    BIPOLAR_ACTIVATIONS);
                total = total + activation * weight - LEAST;
            end
            table_of[entry] = 1'((total >> bit_index) & 1);
        end
    endfunction

    logic [GROUPS*GROUP_WIDTH-1:0] sums;
    for (genvar g = 0; g < GROUPS; g++) begin : groups
        localparam int SIZE = SIMD - g * LANES < LANES ? SIMD - g * LANES : LANES;
        logic [LANES*LANE_WIDTH-1:0] operands;
        always_comb begin
            operands = '0;
            for (int lane = 0; lane < SIZE; lane++) begin
                operands[lane*LANE_WIDTH+:LANE_WIDTH] = {
                    activations[(g*LANES+lane)*ACTIVATION_WIDTH+:ACTIVATION_WIDTH],
                    weights[(g*LANES+lane)*WEIGHT_WIDTH+:WEIGHT_WIDTH]};
            end
        end
        for (genvar b = 0; b < GROUP_WIDTH; b++) begin : bits
            localparam logic [ENTRIES-1:0] TABLE = table_of(b, SIZE);
            always_ff @(posedge ap_clk) begin
                if (enable) sums[g*GROUP_WIDTH+b] <= TABLE[operands];
            end
        end
    end

    localparam int TREE_WIDTH = $clog2(GROUPS * GROUP_GREATEST + 1);
    logic [TREE_WIDTH-1:0] total;
    unsigned_adder_tree #(
        .N(GROUPS),
        .GREATEST(GROUP_GREATEST)
    ) tree (
        .ap_clk,
        .enable,
        .operands(sums),
        .sum(total)
    );
    assign sum = SUM_WIDTH'(total);
endmodule
