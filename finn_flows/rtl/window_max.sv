// Maximum over windows that a window generator gives out: for each window, WINDOW pixels of
// CHANNELS channels, PE channels an element, the channels of a pixel in a row.
module window_max #(
    int WIDTH_BITS = 2,  // of one value
    bit SIGNED = 1,
    int PE = 8,
    int CHANNELS = 64,
    int WINDOW = 9
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [PE*WIDTH_BITS-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [PE*WIDTH_BITS-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    localparam int FOLDS = CHANNELS / PE;
    localparam int FOLD_WIDTH = FOLDS > 1 ? $clog2(FOLDS) : 1;

    logic [FOLD_WIDTH-1:0] fold;
    logic [$clog2(WINDOW+1)-1:0] position;
    logic last_fold, first, last;

    assign last_fold = fold == FOLD_WIDTH'(FOLDS - 1);
    assign first = position == '0;
    assign last = position == $bits(position)'(WINDOW - 1);

    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            fold <= '0;
            position <= '0;
        end else if (in0_V_TVALID && in0_V_TREADY) begin
            fold <= last_fold ? '0 : fold + 1'b1;
            if (last_fold) position <= last ? '0 : position + 1'b1;
        end
    end

    running_maximum #(
        .WIDTH_BITS(WIDTH_BITS),
        .SIGNED(SIGNED),
        .LANES(PE),
        .ENTRIES(FOLDS),
        .RAM_STYLE(FOLDS > 256 ? "block" : "distributed")
    ) maximum (
        .ap_clk,
        .ap_rst_n,
        .in0_V_TDATA,
        .in0_V_TVALID,
        .in0_V_TREADY,
        .entry(fold),
        .first,
        .last,
        .out0_V_TDATA,
        .out0_V_TVALID,
        .out0_V_TREADY
    );
endmodule
