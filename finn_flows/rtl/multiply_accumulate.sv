// Multiplies the SIMD activations of an element with the weights of PE rows, sums the lanes and
// accumulates the elements of a row, from one `last` to the next. LUTs only. When `complete`, the
// sums are in `accumulators`, which are combinational: take them in that cycle of `enable`.
//
// Operands that together have more than six bits are cut into digits, and all pairs of digits
// multiplied. Ternary activations (-1, 0, 1) need one bit only behind a register of the weights that
// a zero activation resets, which takes no LUT: there the activation is but a sign.
//
// Sums of products are kept free of signs by taking each product from the least possible one; what
// that adds up to is where an accumulator starts, below zero.
module multiply_accumulate #(
    int SIMD = 16,
    int PE = 8,
    int SF = 36,  // elements of a row
    int ACTIVATION_WIDTH = 2,
    bit SIGNED_ACTIVATIONS = 1,
    bit BIPOLAR_ACTIVATIONS = 0,
    bit NARROW_ACTIVATIONS = 1,
    int WEIGHT_WIDTH = 2,
    bit BIPOLAR_WEIGHTS = 0,
    bit NARROW_WEIGHTS = 1,
    int ACCU_WIDTH = 12
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic enable,
    input  logic valid,
    input  logic last,
    input  logic [SIMD*ACTIVATION_WIDTH-1:0] activations,
    input  logic [PE*SIMD*WEIGHT_WIDTH-1:0] weights,
    output logic complete,
    output logic [PE*ACCU_WIDTH-1:0] accumulators
);
    // -- operands as the tables see them ------------------------------------------------------------
    localparam bit TERNARY_ACTIVATIONS = ACTIVATION_WIDTH == 2 && SIGNED_ACTIVATIONS
        && NARROW_ACTIVATIONS && !BIPOLAR_ACTIVATIONS && !BIPOLAR_WEIGHTS;
    localparam int A_WIDTH = TERNARY_ACTIVATIONS ? 1 : ACTIVATION_WIDTH;
    localparam bit A_BIPOLAR = TERNARY_ACTIVATIONS || BIPOLAR_ACTIVATIONS;
    localparam bit A_SIGNED = SIGNED_ACTIVATIONS && !A_BIPOLAR;
    localparam int W_WIDTH = WEIGHT_WIDTH;

    // -- digits: as few pairs as possible, of at most six bits --------------------------------------
    function automatic int digits(input int width, input int digit_width);
        return (width + digit_width - 1) / digit_width;
    endfunction
    function automatic int least(input int a, input int b);
        return a < b ? a : b;
    endfunction
    function automatic int weight_digit_width();
        int best, best_pairs, pairs;
        best = 1;
        best_pairs = digits(W_WIDTH, 1) * digits(A_WIDTH, least(A_WIDTH, 5));
        for (int width = 2; width <= least(W_WIDTH, 5); width++) begin
            pairs = digits(W_WIDTH, width) * digits(A_WIDTH, least(A_WIDTH, 6 - width));
            if (pairs <= best_pairs) begin
                best_pairs = pairs;
                best = width;
            end
        end
        return best;
    endfunction
    localparam int W_DIGIT = weight_digit_width();
    localparam int A_DIGIT = least(A_WIDTH, 6 - W_DIGIT);
    localparam int W_DIGITS = digits(W_WIDTH, W_DIGIT);
    localparam int A_DIGITS = digits(A_WIDTH, A_DIGIT);
    localparam int PAIRS = W_DIGITS * A_DIGITS;

    // Least (or greatest) value of a digit of `width` bits.
    function automatic int extreme(
        input bit greatest, input int width, input bit is_signed, input bit is_bipolar,
        input bit is_narrow);
        if (is_bipolar) return greatest ? 1 : -1;
        if (is_signed) return greatest ? (1 << (width - 1)) - 1 : -(1 << (width - 1)) + int'(is_narrow);
        return greatest ? (1 << width) - 1 : 0;
    endfunction
    // Least (or greatest) product of digits in these ranges.
    function automatic int extreme_product(
        input bit greatest, input int a_least, input int a_greatest, input int w_least,
        input int w_greatest);
        int found, product;
        found = a_least * w_least;
        for (int i = 1; i < 4; i++) begin
            product = (i % 2 == 1 ? a_greatest : a_least) * (i >= 2 ? w_greatest : w_least);
            if (greatest ? product > found : product < found) found = product;
        end
        return found;
    endfunction
    // The same for pair `pair` of digits, the digits of the activation running fastest.
    function automatic int pair_extreme(input bit greatest, input int pair);
        int a, w, a_width, w_width;
        bit a_top, w_top;
        a = pair % A_DIGITS;
        w = pair / A_DIGITS;
        a_top = a == A_DIGITS - 1;
        w_top = w == W_DIGITS - 1;
        a_width = a_top ? A_WIDTH - a * A_DIGIT : A_DIGIT;
        w_width = w_top ? W_WIDTH - w * W_DIGIT : W_DIGIT;
        return extreme_product(
            greatest,
            extreme(0, a_width, A_SIGNED && a_top, A_BIPOLAR, NARROW_ACTIVATIONS && A_DIGITS == 1),
            extreme(1, a_width, A_SIGNED && a_top, A_BIPOLAR, NARROW_ACTIVATIONS && A_DIGITS == 1),
            extreme(0, w_width, w_top, BIPOLAR_WEIGHTS, NARROW_WEIGHTS && W_DIGITS == 1),
            extreme(1, w_width, w_top, BIPOLAR_WEIGHTS, NARROW_WEIGHTS && W_DIGITS == 1));
    endfunction
    function automatic int pair_shift(input int pair);
        return pair % A_DIGITS * A_DIGIT + pair / A_DIGITS * W_DIGIT;
    endfunction
    function automatic int least_sum();
        least_sum = 0;
        for (int pair = 0; pair < PAIRS; pair++) begin
            least_sum += SIMD * pair_extreme(0, pair) * (1 << pair_shift(pair));
        end
    endfunction
    function automatic int greatest_sum();  // of what is taken from the least
        greatest_sum = 0;
        for (int pair = 0; pair < PAIRS; pair++) begin
            greatest_sum += SIMD * (pair_extreme(1, pair) - pair_extreme(0, pair))
                * (1 << pair_shift(pair));
        end
    endfunction
    localparam int SUM_WIDTH = $clog2(greatest_sum() + 1);
    localparam logic [ACCU_WIDTH-1:0] START = ACCU_WIDTH'(SF * least_sum());

    // -- all pairs of digits end after the same number of cycles ------------------------------------
    function automatic int pair_lanes(input int pair);
        int a, w, width;
        a = pair % A_DIGITS;
        w = pair / A_DIGITS;
        width = (a == A_DIGITS - 1 ? A_WIDTH - a * A_DIGIT : A_DIGIT)
            + (w == W_DIGITS - 1 ? W_WIDTH - w * W_DIGIT : W_DIGIT);
        return least(6 / width, SIMD);
    endfunction
    function automatic int pair_latency(input int pair);
        return 1 + $clog2((SIMD + pair_lanes(pair) - 1) / pair_lanes(pair));
    endfunction
    function automatic int greatest_pair_latency();
        greatest_pair_latency = 0;
        for (int pair = 0; pair < PAIRS; pair++) begin
            if (pair_latency(pair) > greatest_pair_latency) begin
                greatest_pair_latency = pair_latency(pair);
            end
        end
    endfunction
    localparam int PAIR_LATENCY = greatest_pair_latency();
    localparam int LATENCY = int'(TERNARY_ACTIVATIONS) + PAIR_LATENCY + int'(PAIRS > 1);

    logic [LATENCY-1:0] valids, lasts;
    logic clear;
    always_ff @(posedge ap_clk) begin
        if (enable) lasts <= LATENCY'({lasts, last});
        if (!ap_rst_n) valids <= '0;
        else if (enable) valids <= LATENCY'({valids, valid});
    end
    assign complete = valids[LATENCY-1] && lasts[LATENCY-1];
    assign clear = !ap_rst_n || (enable && complete);

    for (genvar p = 0; p < PE; p++) begin : pe
        localparam int LINE_WIDTH = SIMD * W_WIDTH;
        logic [SIMD*A_WIDTH-1:0] a;
        logic [LINE_WIDTH-1:0] w;

        if (TERNARY_ACTIVATIONS) begin : ternary
            always_ff @(posedge ap_clk) begin
                if (enable) begin
                    for (int i = 0; i < SIMD; i++) begin
                        a[i] <= !activations[2*i+1];
                        w[i*W_WIDTH+:W_WIDTH] <=
                            activations[2*i] ? weights[p*LINE_WIDTH+i*W_WIDTH+:W_WIDTH] : '0;
                    end
                end
            end
        end else begin : direct
            assign a = activations;
            assign w = weights[p*LINE_WIDTH+:LINE_WIDTH];
        end

        logic [PAIRS-1:0][SUM_WIDTH-1:0] sums;
        for (genvar q = 0; q < PAIRS; q++) begin : pairs
            localparam int A_START = q % A_DIGITS * A_DIGIT;
            localparam int W_START = q / A_DIGITS * W_DIGIT;
            localparam int A_BITS = least(A_DIGIT, A_WIDTH - A_START);
            localparam int W_BITS = least(W_DIGIT, W_WIDTH - W_START);
            localparam int LEAST = pair_extreme(0, q);
            localparam int GREATEST = pair_extreme(1, q);
            localparam int DELAY = PAIR_LATENCY - pair_latency(q);
            logic [SIMD*A_BITS-1:0] a_digits;
            logic [SIMD*W_BITS-1:0] w_digits;
            logic [$clog2(SIMD*(GREATEST-LEAST)+1)-1:0] sum;

            always_comb begin
                for (int i = 0; i < SIMD; i++) begin
                    a_digits[i*A_BITS+:A_BITS] = a[i*A_WIDTH+A_START+:A_BITS];
                    w_digits[i*W_BITS+:W_BITS] = w[i*W_WIDTH+W_START+:W_BITS];
                end
            end
            table_dot_product #(
                .SIMD(SIMD),
                .ACTIVATION_WIDTH(A_BITS),
                .SIGNED_ACTIVATIONS(A_SIGNED && A_START + A_BITS == A_WIDTH),
                .BIPOLAR_ACTIVATIONS(A_BIPOLAR),
                .WEIGHT_WIDTH(W_BITS),
                .SIGNED_WEIGHTS(W_START + W_BITS == W_WIDTH),
                .BIPOLAR_WEIGHTS(BIPOLAR_WEIGHTS),
                .LEAST(LEAST),
                .GREATEST(GREATEST)
            ) product (
                .ap_clk,
                .enable,
                .activations(a_digits),
                .weights(w_digits),
                .sum
            );
            if (DELAY == 0) begin : in_time
                assign sums[q] = SUM_WIDTH'(sum);
            end else begin : delayed
                logic [DELAY-1:0][SUM_WIDTH-1:0] waiting;
                always_ff @(posedge ap_clk) begin
                    if (enable) waiting <= (DELAY * SUM_WIDTH)'({waiting, SUM_WIDTH'(sum)});
                end
                assign sums[q] = waiting[DELAY-1];
            end
        end

        logic [SUM_WIDTH-1:0] sum;
        if (PAIRS == 1) begin : one_pair
            assign sum = sums[0];
        end else begin : several_pairs
            logic [SUM_WIDTH-1:0] total;
            always_comb begin
                total = '0;
                for (int q = 0; q < PAIRS; q++) total += sums[q] << pair_shift(q);
            end
            always_ff @(posedge ap_clk) if (enable) sum <= total;
        end

        logic [ACCU_WIDTH-1:0] accumulator, next;
        assign next = accumulator + ACCU_WIDTH'(sum);
        assign accumulators[p*ACCU_WIDTH+:ACCU_WIDTH] = next;
        always_ff @(posedge ap_clk) begin
            if (clear) accumulator <= START;
            else if (enable && valids[LATENCY-1]) accumulator <= next;
        end
    end
endmodule
