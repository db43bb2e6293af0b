// Fixed thresholds for `thresholding`, which see: same address {fold, group, step}, same data.
module threshold_rom #(
    int PE = 16,
    int NF = 4,
    int THRESHOLDS = 2,
    int ACCU_WIDTH = 13,
    int LANES = 1,
    int STEP_THRESHOLDS = 1,
    string RAM_STYLE = "distributed",
    string FILE = "",
    localparam int GROUPS = (PE + LANES - 1) / LANES,
    localparam int STEPS = (THRESHOLDS + STEP_THRESHOLDS - 1) / STEP_THRESHOLDS,
    localparam int SELECT_BITS = $clog2(GROUPS) + $clog2(STEPS),
    localparam int DEPTH = NF << SELECT_BITS,
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1,
    localparam int WIDTH = LANES * STEP_THRESHOLDS * ACCU_WIDTH
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic [ADDRESS_WIDTH-1:0] address,
    output logic [WIDTH-1:0] read_data
);
    logic [PE*THRESHOLDS*ACCU_WIDTH-1:0] lines[NF];
    initial $readmemh(FILE, lines);

    function automatic logic [WIDTH-1:0] entry(input int index);
        int fold, group, step, pe, threshold;
        fold = index >> SELECT_BITS;
        group = (index >> $clog2(STEPS)) % (1 << $clog2(GROUPS));
        step = index % (1 << $clog2(STEPS));
        entry = '0;
        for (int l = 0; l < LANES; l++) begin
            for (int t = 0; t < STEP_THRESHOLDS; t++) begin
                pe = group * LANES + l;
                threshold = step * STEP_THRESHOLDS + t;
                if (pe < PE && threshold < THRESHOLDS) begin
                    entry[(l*STEP_THRESHOLDS+t)*ACCU_WIDTH+:ACCU_WIDTH] =
                        lines[fold][(pe*THRESHOLDS+threshold)*ACCU_WIDTH+:ACCU_WIDTH];
                end
            end
        end
    endfunction
    always_ff @(posedge ap_clk) if (enable) read_data <= entry(int'(address));
endmodule
