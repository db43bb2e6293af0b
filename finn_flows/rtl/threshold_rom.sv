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
    localparam int ADDRESS_WIDTH = NF << SELECT_BITS > 1 ? $clog2(NF << SELECT_BITS) : 1,
    localparam int WIDTH = LANES * STEP_THRESHOLDS * ACCU_WIDTH
) (
    input  logic ap_clk,
    input  logic enable,
    input  logic [ADDRESS_WIDTH-1:0] address,
    output logic [WIDTH-1:0] read_data
);
    // A line of the file holds all thresholds of a fold, so the entry is chosen behind the memory.
    localparam int FOLD_WIDTH = NF > 1 ? $clog2(NF) : 1;
    localparam int LINE_WIDTH = PE * THRESHOLDS * ACCU_WIDTH;
    logic [FOLD_WIDTH-1:0] fold;
    logic [SELECT_BITS:0] select;  // {group, step}
    logic [LINE_WIDTH-1:0] line;

    assign fold = FOLD_WIDTH'(address >> SELECT_BITS);
    always_ff @(posedge ap_clk) begin
        if (enable) select <= (SELECT_BITS + 1)'(address % (1 << SELECT_BITS));
    end
    read_only_memory #(
        .WIDTH(LINE_WIDTH),
        .DEPTH(NF),
        .RAM_STYLE(RAM_STYLE),
        .FILE(FILE)
    ) lines (
        .ap_clk,
        .enable,
        .address(fold),
        .read_data(line)
    );

    always_comb begin
        read_data = '0;
        for (int s = 0; s < (1 << SELECT_BITS); s++) begin
            for (int l = 0; l < LANES; l++) begin
                for (int t = 0; t < STEP_THRESHOLDS; t++) begin
                    automatic int pe = (s >> $clog2(STEPS)) * LANES + l;
                    automatic int threshold = s % (1 << $clog2(STEPS)) * STEP_THRESHOLDS + t;
                    if (select == (SELECT_BITS + 1)'(s) && pe < PE && threshold < THRESHOLDS) begin
                        read_data[(l*STEP_THRESHOLDS+t)*ACCU_WIDTH+:ACCU_WIDTH] =
                            line[(pe*THRESHOLDS+threshold)*ACCU_WIDTH+:ACCU_WIDTH];
                    end
                end
            end
        end
    end
endmodule
