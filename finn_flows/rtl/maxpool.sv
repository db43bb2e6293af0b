// Max-pool over windows of KERNEL x KERNEL that do not overlap, on a stream of HEIGHT x WIDTH pixels
// of CHANNELS channels, PE channels an element. Rows and columns that do not fill a window are
// dropped. Keeps one maximum for each window of a row of windows.
module maxpool #(
    int WIDTH_BITS = 2,  // of one value
    bit SIGNED = 1,
    int PE = 8,
    int CHANNELS = 64,
    int HEIGHT = 28,
    int WIDTH = 28,
    int KERNEL = 2
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
    localparam int COLUMNS = WIDTH / KERNEL;  // of windows
    localparam int ROWS = HEIGHT / KERNEL;
    localparam int ENTRIES = COLUMNS * FOLDS;
    localparam int ENTRY_WIDTH = ENTRIES > 1 ? $clog2(ENTRIES) : 1;

    // Position: fold of the pixel, column in the window, window in the row, row in the window,
    // window row. What lies behind the last window counts as one more window.
    logic [$clog2(FOLDS+1)-1:0] fold;
    logic [$clog2(KERNEL+1)-1:0] kernel_column, kernel_row;
    logic [$clog2(WIDTH+1)-1:0] column;
    logic [$clog2(HEIGHT+1)-1:0] row;
    logic [ENTRY_WIDTH-1:0] entry, window_entry;
    logic take, last_fold, last_kernel_column, last_kernel_row, last_column, last_row;
    logic column_inside, row_inside, ready, valid;

    assign last_fold = fold == $bits(fold)'(FOLDS - 1);
    assign last_kernel_column = kernel_column == $bits(kernel_column)'(KERNEL - 1);
    assign last_kernel_row = kernel_row == $bits(kernel_row)'(KERNEL - 1);
    assign last_column = column == $bits(column)'(WIDTH - 1);
    assign last_row = row == $bits(row)'(HEIGHT - 1);
    assign column_inside = WIDTH % KERNEL == 0 || column < $bits(column)'(COLUMNS * KERNEL);
    assign row_inside = HEIGHT % KERNEL == 0 || row < $bits(row)'(ROWS * KERNEL);
    assign valid = in0_V_TVALID && column_inside && row_inside;
    assign in0_V_TREADY = ready;
    assign take = in0_V_TVALID && ready;

    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            fold <= '0;
            kernel_column <= '0;
            column <= '0;
            kernel_row <= '0;
            row <= '0;
            entry <= '0;
            window_entry <= '0;
        end else if (take) begin
            fold <= last_fold ? '0 : fold + 1'b1;
            entry <= entry + 1'b1;
            if (last_fold) begin
                kernel_column <= last_kernel_column || last_column ? '0 : kernel_column + 1'b1;
                column <= last_column ? '0 : column + 1'b1;
                if (last_column) begin
                    entry <= '0;
                    window_entry <= '0;
                end else if (last_kernel_column) begin
                    window_entry <= entry + 1'b1;
                end else begin
                    entry <= window_entry;
                end
                if (last_column) begin
                    kernel_row <= last_kernel_row || last_row ? '0 : kernel_row + 1'b1;
                    row <= last_row ? '0 : row + 1'b1;
                end
            end
        end
    end

    running_maximum #(
        .WIDTH_BITS(WIDTH_BITS),
        .SIGNED(SIGNED),
        .LANES(PE),
        .ENTRIES(ENTRIES),
        .FORWARD(FOLDS == 1),
        .RAM_STYLE(ENTRIES > 256 ? "block" : "distributed")
    ) maximum (
        .ap_clk,
        .ap_rst_n,
        .in0_V_TDATA,
        .in0_V_TVALID(valid),
        .in0_V_TREADY(ready),
        .entry,
        .first(kernel_row == '0 && kernel_column == '0),
        .last(last_kernel_row && last_kernel_column),
        .out0_V_TDATA,
        .out0_V_TVALID,
        .out0_V_TREADY
    );
endmodule
