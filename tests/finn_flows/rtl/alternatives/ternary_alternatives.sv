// Ways to multiply and accumulate ternary values, with the ports of the library's multiply_accumulate:
// measured against it by test_dot_product_alternatives.py.
//
// A ternary code is two's complement: bit 0 says "not zero", bit 1 the sign. p is a product.
//   adders            p in two's complement, adder tree
//   multipliers       the same, with * left to Yosys (no DSPs)
//   unary             how many p > 0, plus how many p >= 0: one population count of 2 SIMD bits
//   nonzero_negative  how many p are not zero, minus twice how many are negative
//   offset            as the last, but plus how many are not negative, so that no sum has a sign; the
//                     accumulator starts below zero
//   grouped           offset, and products that are not zero counted three lanes at a time, straight
//                     from six operand bits
//   compressors       grouped, with the twos counted six at a time (6:3 compressors) and added in a
//                     tree, every level of it registered
//   pairs             p0 + p1 + 2 of two lanes as logic of eight bits, registered adder tree
module ternary_alternatives #(
    string METHOD = "adders",
    int SIMD = 16,
    int PE = 8,
    int SF = 36,
    int ACCU_WIDTH = 12
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic enable,
    input  logic valid,
    input  logic last,
    input  logic [SIMD*2-1:0] activations,
    input  logic [PE*SIMD*2-1:0] weights,
    output logic complete,
    output logic [PE*ACCU_WIDTH-1:0] accumulators
);
    localparam bit UNSIGNED = METHOD != "adders" && METHOD != "multipliers"
        && METHOD != "nonzero_negative";
    localparam int OFFSET = METHOD == "unary" || METHOD == "pairs" ? 1 : 2;  // of a lane
    localparam logic [ACCU_WIDTH-1:0] START = UNSIGNED ? ACCU_WIDTH'(-OFFSET * SIMD * SF) : '0;
    localparam int SUM_WIDTH = $clog2(SIMD) + 3;
    localparam int COUNT_WIDTH = $clog2(SIMD + 1);
    localparam int GROUPS = (SIMD + 2) / 3;  // of three lanes
    localparam int SIXES = (SIMD + GROUPS + 5) / 6;
    localparam int LATENCY = METHOD == "pairs" ? 1 + $clog2(SIMD / 2)
        : METHOD == "compressors" ? 3 + $clog2(SIXES) : 2;
    typedef logic signed [SUM_WIDTH-1:0] sum_t;

    logic [LATENCY-1:0] valids, lasts;
    logic clear;
    always_ff @(posedge ap_clk) begin
        if (enable) lasts <= {lasts[LATENCY-2:0], last};
        if (!ap_rst_n) valids <= '0;
        else if (enable) valids <= {valids[LATENCY-2:0], valid};
    end
    assign complete = valids[LATENCY-1] && lasts[LATENCY-1];
    assign clear = !ap_rst_n || (enable && complete);

    // p0 + p1 + 2 from "not zero" and "negative" of each. Logic, not a sum: Yosys makes a carry chain
    // of a sum.
    function automatic logic [2:0] pair_code(input logic [1:0] nonzero, input logic [1:0] negative);
        logic [1:0] less, more;
        less = nonzero & negative;
        more = nonzero & ~negative;
        pair_code[0] = ^nonzero;
        pair_code[2] = &more;
        pair_code[1] = !(&more) && !(less[0] && !more[1]) && !(less[1] && !more[0]);
    endfunction

    for (genvar p = 0; p < PE; p++) begin : pe
        logic [SIMD-1:0] nonzero, negative;
        sum_t total, sum;
        always_comb begin
            for (int i = 0; i < SIMD; i++) begin
                nonzero[i] = activations[2*i] && weights[2*(p*SIMD+i)];
                negative[i] = nonzero[i] && (activations[2*i+1] ^ weights[2*(p*SIMD+i)+1]);
            end
        end

        if (METHOD == "adders" || METHOD == "multipliers") begin : tree
            logic [SIMD*2-1:0] products;
            always_ff @(posedge ap_clk) begin
                for (int i = 0; i < SIMD; i++) begin
                    if (enable && METHOD == "adders") begin
                        products[2*i+:2] <= {negative[i], nonzero[i]};
                    end else if (enable) begin
                        products[2*i+:2] <= 2'($signed(activations[2*i+:2])
                            * $signed(weights[2*(p*SIMD+i)+:2]));
                    end
                end
            end
            adder_tree #(
                .N(SIMD),
                .IN_WIDTH(2),
                .OUT_WIDTH(SUM_WIDTH)
            ) adding (
                .operands(products),
                .sum(total)
            );
        end else if (METHOD == "unary") begin : unary
            logic [2*SIMD-1:0] ones;
            logic [$clog2(2*SIMD+1)-1:0] count;
            always_ff @(posedge ap_clk) if (enable) ones <= {nonzero & ~negative, ~negative};
            popcount #(.N(2 * SIMD)) counting (.bits(ones), .count);
            assign total = sum_t'(count);
        end else if (METHOD == "nonzero_negative" || METHOD == "offset") begin : counts
            logic [SIMD-1:0] ones, twos;
            logic [COUNT_WIDTH-1:0] ones_count, twos_count;
            always_ff @(posedge ap_clk) begin
                if (enable) begin
                    ones <= nonzero;
                    twos <= METHOD == "offset" ? ~negative : negative;
                end
            end
            popcount #(.N(SIMD)) count_ones (.bits(ones), .count(ones_count));
            popcount #(.N(SIMD)) count_twos (.bits(twos), .count(twos_count));
            if (METHOD == "offset") begin : added
                assign total = sum_t'(ones_count) + (sum_t'(twos_count) << 1);
            end else begin : subtracted
                assign total = sum_t'(ones_count) - (sum_t'(twos_count) << 1);
            end
        end else if (METHOD == "grouped" || METHOD == "compressors") begin : grouped
            // Non-zero products of three lanes, counted in two bits of weight 1 and 2.
            logic [GROUPS-1:0] ones;
            logic [SIMD+GROUPS-1:0] twos;
            logic [$clog2(GROUPS+1)-1:0] ones_count;
            logic [$clog2(SIMD+GROUPS+1)-1:0] twos_count;
            always_ff @(posedge ap_clk) begin
                if (enable) begin
                    for (int g = 0; g < GROUPS; g++) begin
                        logic [2:0] three;
                        for (int i = 0; i < 3; i++) three[i] = 3 * g + i < SIMD && nonzero[3*g+i];
                        ones[g] <= ^three;
                        twos[SIMD+g] <= (three[0] && three[1]) || (three[2] && |three[1:0]);
                    end
                    twos[SIMD-1:0] <= ~negative;
                end
            end
            popcount #(.N(GROUPS)) count_ones (.bits(ones), .count(ones_count));
            if (METHOD == "grouped") begin : at_once
                popcount #(.N(SIMD + GROUPS)) count_twos (.bits(twos), .count(twos_count));
                assign total = sum_t'(ones_count) + (sum_t'(twos_count) << 1);
            end else begin : in_levels
                localparam int LEVELS = $clog2(SIXES);
                logic [LEVELS:0][$bits(ones_count)-1:0] ones_counts;
                logic [SIXES-1:0][2:0] six_counts, next_six_counts;
                logic [$clog2(SIXES*6+1)-1:0] six_sum;
                for (genvar g = 0; g < SIXES; g++) begin : sixes
                    popcount #(.N(6)) counting (
                        .bits(6'((SIXES * 6)'(twos) >> (6 * g))),
                        .count(next_six_counts[g])
                    );
                end
                always_ff @(posedge ap_clk) begin
                    if (enable) begin
                        six_counts <= next_six_counts;
                        ones_counts <= $bits(ones_counts)'({ones_counts, ones_count});
                    end
                end
                unsigned_adder_tree #(
                    .N(SIXES),
                    .GREATEST(6)
                ) adding (
                    .ap_clk,
                    .enable,
                    .operands(six_counts),
                    .sum(six_sum)
                );
                assign total = sum_t'(ones_counts[LEVELS]) + (sum_t'(six_sum) << 1);
            end
        end else begin : pairs
            logic [SIMD/2-1:0][2:0] pair;
            logic [$clog2(2*SIMD+1)-1:0] count;
            always_ff @(posedge ap_clk) begin
                for (int i = 0; i < SIMD / 2; i++) begin
                    if (enable) pair[i] <= pair_code(nonzero[2*i+:2], negative[2*i+:2]);
                end
            end
            unsigned_adder_tree #(
                .N(SIMD / 2),
                .GREATEST(4)
            ) adding (
                .ap_clk,
                .enable,
                .operands(pair),
                .sum(count)
            );
            assign total = sum_t'(count);
        end

        // The registered tree of pairs has its sum in a register already.
        if (METHOD == "pairs") begin : direct
            assign sum = total;
        end else begin : registered
            always_ff @(posedge ap_clk) if (enable) sum <= total;
        end

        logic [ACCU_WIDTH-1:0] accumulator, next;
        assign next = accumulator + (UNSIGNED ? ACCU_WIDTH'($unsigned(sum)) : ACCU_WIDTH'(sum));
        assign accumulators[p*ACCU_WIDTH+:ACCU_WIDTH] = next;
        always_ff @(posedge ap_clk) begin
            if (clear) accumulator <= START;
            else if (enable && valids[LATENCY-1]) accumulator <= next;
        end
    end
endmodule
