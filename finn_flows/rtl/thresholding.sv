// Compares PE accumulators with their THRESHOLDS thresholds, and gives out
// OUTPUT_BIAS + how many thresholds an accumulator reaches.
//
// Results of a matrix vector unit come at least INTERVAL cycles of `advance` apart, so few
// comparators do: LANES accumulators are compared with STEP_THRESHOLDS thresholds in a cycle, the
// groups of lanes one after another. The threshold memory is narrow and deep for the same reason;
// its address is {fold, group, step}.
module thresholding #(
    int PE = 16,
    int NF = 4,
    int THRESHOLDS = 2,
    int ACCU_WIDTH = 13,
    int OUTPUT_WIDTH = 2,
    int OUTPUT_BIAS = -1,
    int INTERVAL = 36,
    string RAM_STYLE = "distributed",  // distributed or block
    bit RUNTIME_WRITEABLE = 1,
    string FILE = ""  // of fixed thresholds, for $readmemh: a line a fold, PE 0 threshold 0 lowest
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic config_we,  // a threshold is written
    input  logic [31:0] config_address,  // {fold, PE, threshold}
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [31:0] config_d0,  // ACCU_WIDTH bits of it
    /* verilator lint_on UNUSEDSIGNAL */
    output logic advance,  // `load` is taken; low while the output is blocked
    input  logic load,
    input  logic [PE*ACCU_WIDTH-1:0] accumulators,
    output logic [PE*OUTPUT_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    // Powers of two, the least with which all groups and steps are done in INTERVAL cycles.
    function automatic int least_lanes();
        int lanes;
        lanes = 1;
        while (lanes < PE && (PE + lanes - 1) / lanes * THRESHOLDS > INTERVAL) lanes = lanes * 2;
        return lanes;
    endfunction
    localparam int LANES = least_lanes();
    localparam int GROUPS = (PE + LANES - 1) / LANES;
    function automatic int least_step_thresholds();
        int thresholds;
        thresholds = 1;
        while (GROUPS * ((THRESHOLDS + thresholds - 1) / thresholds) > INTERVAL) begin
            thresholds = thresholds * 2;
        end
        return thresholds;
    endfunction
    localparam int STEP_THRESHOLDS = least_step_thresholds();
    localparam int STEPS = (THRESHOLDS + STEP_THRESHOLDS - 1) / STEP_THRESHOLDS;

    localparam int LANE_BITS = $clog2(LANES);
    localparam int PE_BITS = $clog2(PE);
    localparam int GROUP_BITS = $clog2(GROUPS);
    localparam int STEP_BITS = $clog2(STEPS);
    localparam int STEP_THRESHOLD_BITS = $clog2(STEP_THRESHOLDS);
    localparam int THRESHOLD_BITS = $clog2(THRESHOLDS);
    localparam int DEPTH = NF << (GROUP_BITS + STEP_BITS);
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1;
    typedef logic [ADDRESS_WIDTH-1:0] address_t;
    typedef logic signed [ACCU_WIDTH-1:0] accumulator_t;

    // -- sequence ---------------------------------------------------------------------------------
    logic busy, first_step, last_step, last_group, last_fold;
    logic [(GROUP_BITS > 0 ? GROUP_BITS : 1)-1:0] group;
    logic [(STEP_BITS > 0 ? STEP_BITS : 1)-1:0] step;
    logic [$clog2(NF+1)-1:0] fold;
    address_t address;
    logic [GROUPS*LANES*ACCU_WIDTH-1:0] held;

    assign first_step = step == '0;
    assign last_step = step == $bits(step)'(STEPS - 1);
    assign last_group = group == $bits(group)'(GROUPS - 1);
    assign last_fold = fold == $bits(fold)'(NF - 1);
    assign address = (address_t'(fold) << (GROUP_BITS + STEP_BITS))
        | (address_t'(group) << STEP_BITS) | address_t'(step);

    always_ff @(posedge ap_clk) begin
        if (advance && load) held <= (GROUPS * LANES * ACCU_WIDTH)'(accumulators);
        if (!ap_rst_n) begin
            busy <= 1'b0;
            group <= '0;
            step <= '0;
            fold <= '0;
        end else if (advance) begin
            busy <= load || (busy && !(last_step && last_group));
            if (busy) begin
                step <= last_step ? '0 : step + 1'b1;
                if (last_step) group <= last_group ? '0 : group + 1'b1;
                if (last_step && last_group) fold <= last_fold ? '0 : fold + 1'b1;
            end
        end
    end

    // -- operands: accumulators of the group, thresholds of the step --------------------------------
    logic valid_1, first_1, last_1, final_1;
    logic [LANES*ACCU_WIDTH-1:0] chosen;
    logic [LANES*STEP_THRESHOLDS*ACCU_WIDTH-1:0] thresholds;

    always_ff @(posedge ap_clk) begin
        if (advance) begin
            chosen <= held[group*LANES*ACCU_WIDTH+:LANES*ACCU_WIDTH];
            first_1 <= first_step;
            last_1 <= last_step;
            final_1 <= last_step && last_group;
        end
        if (!ap_rst_n) valid_1 <= 1'b0;
        else if (advance) valid_1 <= busy;
    end

    if (RUNTIME_WRITEABLE) begin : memories
        logic write;
        address_t write_address;
        logic [LANE_BITS:0] write_lane;
        logic [STEP_THRESHOLD_BITS:0] write_threshold;
        logic [ACCU_WIDTH-1:0] write_data;
        logic [31:0] pe_and_fold;

        assign pe_and_fold = config_address >> THRESHOLD_BITS;
        always_ff @(posedge ap_clk) begin
            write <= config_we;
            if (config_we) begin  // or layers would hold equal registers, which tools merge
                write_data <= ACCU_WIDTH'($signed(config_d0));
                write_threshold <= (STEP_THRESHOLD_BITS + 1)'(config_address % STEP_THRESHOLDS);
                write_lane <= (LANE_BITS + 1)'(pe_and_fold % LANES);
                write_address <= address_t'(
                    ((pe_and_fold >> PE_BITS) << (GROUP_BITS + STEP_BITS))
                    | (((pe_and_fold % (1 << PE_BITS)) >> LANE_BITS) << STEP_BITS)
                    | ((config_address % (1 << THRESHOLD_BITS)) >> STEP_THRESHOLD_BITS));
            end
        end

        for (genvar l = 0; l < LANES; l++) begin : lanes
            for (genvar t = 0; t < STEP_THRESHOLDS; t++) begin : memory
                simple_dual_port_ram #(
                    .WIDTH(ACCU_WIDTH),
                    .DEPTH(DEPTH),
                    .RAM_STYLE(RAM_STYLE)
                ) storage (
                    .ap_clk,
                    .write(write && write_lane == (LANE_BITS + 1)'(l)
                        && write_threshold == (STEP_THRESHOLD_BITS + 1)'(t)),
                    .write_address,
                    .write_data,
                    .read(advance),
                    .read_address(address),
                    .read_data(thresholds[(l*STEP_THRESHOLDS+t)*ACCU_WIDTH+:ACCU_WIDTH])
                );
            end
        end
    end else begin : fixed
        threshold_rom #(
            .PE(PE),
            .NF(NF),
            .THRESHOLDS(THRESHOLDS),
            .ACCU_WIDTH(ACCU_WIDTH),
            .LANES(LANES),
            .STEP_THRESHOLDS(STEP_THRESHOLDS),
            .RAM_STYLE(RAM_STYLE),
            .FILE(FILE)
        ) storage (
            .ap_clk,
            .enable(advance),
            .address,
            .read_data(thresholds)
        );
    end

    // -- comparison -------------------------------------------------------------------------------
    logic valid_2, first_2, last_2, final_2;
    logic [LANES*STEP_THRESHOLDS-1:0] reached;

    always_ff @(posedge ap_clk) begin
        if (advance) begin
            for (int l = 0; l < LANES; l++) begin
                for (int t = 0; t < STEP_THRESHOLDS; t++) begin
                    reached[l*STEP_THRESHOLDS+t] <=
                        $signed(chosen[l*ACCU_WIDTH+:ACCU_WIDTH])
                        >= $signed(thresholds[(l*STEP_THRESHOLDS+t)*ACCU_WIDTH+:ACCU_WIDTH])
                        // The last step may have fewer thresholds than the others.
                        && !(last_1 && (STEPS - 1) * STEP_THRESHOLDS + t >= THRESHOLDS);
                end
            end
            first_2 <= first_1;
            last_2 <= last_1;
            final_2 <= final_1;
        end
        if (!ap_rst_n) valid_2 <= 1'b0;
        else if (advance) valid_2 <= valid_1;
    end

    // -- count, and results group by group into the output ------------------------------------------
    logic [LANES*OUTPUT_WIDTH-1:0] counts, codes;
    logic [GROUPS*LANES*OUTPUT_WIDTH-1:0] results;

    always_comb begin
        for (int l = 0; l < LANES; l++) begin
            logic [OUTPUT_WIDTH-1:0] code;
            code = first_2 ? OUTPUT_WIDTH'(OUTPUT_BIAS) : counts[l*OUTPUT_WIDTH+:OUTPUT_WIDTH];
            for (int t = 0; t < STEP_THRESHOLDS; t++) begin
                code += OUTPUT_WIDTH'(reached[l*STEP_THRESHOLDS+t]);
            end
            codes[l*OUTPUT_WIDTH+:OUTPUT_WIDTH] = code;
        end
    end

    assign advance = !(valid_2 && last_2 && out0_V_TVALID && !out0_V_TREADY);
    assign out0_V_TDATA = results[PE*OUTPUT_WIDTH-1:0];

    always_ff @(posedge ap_clk) begin
        if (advance && valid_2) begin
            counts <= codes;
            // The first group moves down to the lowest lanes as the others follow.
            if (last_2) begin
                results <= (GROUPS * LANES * OUTPUT_WIDTH)'(
                    {codes, results} >> LANES * OUTPUT_WIDTH);
            end
        end
        if (!ap_rst_n) out0_V_TVALID <= 1'b0;
        else if (advance) out0_V_TVALID <= (valid_2 && final_2) || (out0_V_TVALID && !out0_V_TREADY);
    end
endmodule
