// Matrix vector activation unit: multiplies each pixel (MW activations, SIMD an element) with a
// matrix of MH rows, PE rows at a time, and compares the results with thresholds.
//
// Element sf of a pixel covers columns sf*SIMD.., output element nf rows nf*PE... Weight line
// nf*SF+sf holds SIMD weights of each of those rows. Steady state: SF*NF cycles a pixel.
//
// Configuration addresses: bit 31 low for weights, {line, PE, 32-bit word of the line}, where the
// last word of a line completes it; high for thresholds, {fold nf, PE, threshold}. Each field has as
// many bits as its greatest value takes. Weights must not be written while pixels are under way
// that use them.
//
// When an output is blocked everything behind it stands still (`advance`).
module mvau #(
    int MW = 576,
    int MH = 64,
    int SIMD = 16,
    int PE = 16,
    int ACTIVATION_WIDTH = 2,
    bit SIGNED_ACTIVATIONS = 1,
    bit BIPOLAR_ACTIVATIONS = 0,
    bit NARROW_ACTIVATIONS = 0,  // the most negative code never comes
    int WEIGHT_WIDTH = 2,
    bit BIPOLAR_WEIGHTS = 0,
    bit NARROW_WEIGHTS = 0,  // the most negative code is never written
    int ACCU_WIDTH = 12,
    int THRESHOLDS = 2,  // per row; 0: accumulators are the result
    int OUTPUT_WIDTH = 2,
    int OUTPUT_BIAS = -1,
    string WEIGHT_RAM_STYLE = "block",  // distributed or block
    string THRESHOLD_RAM_STYLE = "distributed",
    string INPUT_RAM_STYLE = "distributed",  // or registers
    bit RUNTIME_WRITEABLE_WEIGHTS = 1,
    string WEIGHTS_FILE = "",  // of fixed weights, for $readmemh: a line an address, PE 0 lowest
    string THRESHOLDS_FILE = ""
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic config_ce,
    input  logic config_we,
    input  logic [31:0] config_address,
    input  logic [31:0] config_d0,
    input  logic [SIMD*ACTIVATION_WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [PE*OUTPUT_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    localparam int SF = MW / SIMD;
    localparam int NF = MH / PE;
    localparam int LINES = SF * NF;
    localparam int LINE_WIDTH = SIMD * WEIGHT_WIDTH;  // of one PE
    localparam int LINE_ADDRESS_WIDTH = LINES > 1 ? $clog2(LINES) : 1;
    typedef logic [LINE_ADDRESS_WIDTH-1:0] line_address_t;

    // -- sequence ---------------------------------------------------------------------------------
    logic advance, readable, issue, weight_write, last_of_fold, last_fold;
    logic [$clog2(SF+1)-1:0] position;
    logic [$clog2(NF+1)-1:0] fold;
    line_address_t line;

    assign issue = advance && readable && !weight_write;
    assign last_of_fold = position == $bits(position)'(SF - 1);
    assign last_fold = fold == $bits(fold)'(NF - 1);

    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            position <= '0;
            fold <= '0;
            line <= '0;
        end else if (issue) begin
            position <= last_of_fold ? '0 : position + 1'b1;
            if (last_of_fold) fold <= last_fold ? '0 : fold + 1'b1;
            line <= last_of_fold && last_fold ? '0 : line + 1'b1;
        end
    end

    // -- operands ---------------------------------------------------------------------------------
    logic [SIMD*ACTIVATION_WIDTH-1:0] activations;
    logic [PE*LINE_WIDTH-1:0] weights;

    replay_buffer #(
        .WIDTH(SIMD * ACTIVATION_WIDTH),
        .SF(SF),
        .NF(NF),
        .RAM_STYLE(INPUT_RAM_STYLE)
    ) inputs (
        .ap_clk,
        .ap_rst_n,
        .in0_V_TDATA,
        .in0_V_TVALID,
        .in0_V_TREADY,
        .readable,
        .read(issue),
        .last_of_fold,
        .last_fold,
        .read_data(activations)
    );

    if (RUNTIME_WRITEABLE_WEIGHTS) begin : writeable
        weight_memories #(
            .PE(PE),
            .WIDTH(LINE_WIDTH),
            .DEPTH(LINES),
            .RAM_STYLE(WEIGHT_RAM_STYLE)
        ) storage (
            .ap_clk,
            .ap_rst_n,
            .config_we(config_ce && config_we && !config_address[31]),
            .config_address,
            .config_d0,
            .writing(weight_write),
            .enable(advance),
            .line,
            .weights
        );
    end else begin : fixed
        assign weight_write = 1'b0;
        read_only_memory #(
            .WIDTH(PE * LINE_WIDTH),
            .DEPTH(LINES),
            .RAM_STYLE(WEIGHT_RAM_STYLE),
            .FILE(WEIGHTS_FILE)
        ) storage (
            .ap_clk,
            .enable(advance),
            .address(line),
            .read_data(weights)
        );
    end

    // -- products, summed over lanes and elements ---------------------------------------------------
    logic operands_valid, operands_last, complete;
    logic [PE*ACCU_WIDTH-1:0] accumulators;

    always_ff @(posedge ap_clk) begin
        if (advance) operands_last <= last_of_fold;
        if (!ap_rst_n) operands_valid <= 1'b0;
        else if (advance) operands_valid <= issue;
    end
    multiply_accumulate #(
        .SIMD(SIMD),
        .PE(PE),
        .SF(SF),
        .ACTIVATION_WIDTH(ACTIVATION_WIDTH),
        .SIGNED_ACTIVATIONS(SIGNED_ACTIVATIONS),
        .BIPOLAR_ACTIVATIONS(BIPOLAR_ACTIVATIONS),
        .NARROW_ACTIVATIONS(NARROW_ACTIVATIONS),
        .WEIGHT_WIDTH(WEIGHT_WIDTH),
        .BIPOLAR_WEIGHTS(BIPOLAR_WEIGHTS),
        .NARROW_WEIGHTS(NARROW_WEIGHTS),
        .ACCU_WIDTH(ACCU_WIDTH)
    ) products (
        .ap_clk,
        .ap_rst_n,
        .enable(advance),
        .valid(operands_valid),
        .last(operands_last),
        .activations,
        .weights,
        .complete,
        .accumulators
    );

    // -- results ----------------------------------------------------------------------------------
    if (THRESHOLDS > 0) begin : thresholded
        thresholding #(
            .PE(PE),
            .NF(NF),
            .THRESHOLDS(THRESHOLDS),
            .ACCU_WIDTH(ACCU_WIDTH),
            .OUTPUT_WIDTH(OUTPUT_WIDTH),
            .OUTPUT_BIAS(OUTPUT_BIAS),
            .INTERVAL(SF),
            .RAM_STYLE(THRESHOLD_RAM_STYLE),
            .RUNTIME_WRITEABLE(RUNTIME_WRITEABLE_WEIGHTS),
            .FILE(THRESHOLDS_FILE)
        ) activation (
            .ap_clk,
            .ap_rst_n,
            .config_we(config_ce && config_we && config_address[31]),
            .config_address({1'b0, config_address[30:0]}),
            .config_d0,
            .advance,
            .load(complete),
            .accumulators,
            .out0_V_TDATA,
            .out0_V_TVALID,
            .out0_V_TREADY
        );
    end else begin : plain
        assign advance = !(complete && out0_V_TVALID && !out0_V_TREADY);
        always_ff @(posedge ap_clk) begin
            if (advance && complete) begin
                for (int p = 0; p < PE; p++) begin
                    out0_V_TDATA[p*OUTPUT_WIDTH+:OUTPUT_WIDTH] <=
                        OUTPUT_WIDTH'($signed(accumulators[p*ACCU_WIDTH+:ACCU_WIDTH]));
                end
            end
            if (!ap_rst_n) out0_V_TVALID <= 1'b0;
            else if (advance) out0_V_TVALID <= complete || (out0_V_TVALID && !out0_V_TREADY);
        end
    end
endmodule
