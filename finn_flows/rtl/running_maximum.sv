// Maximum over elements that arrive interleaved: element by element, `entry` says which of ENTRIES
// maxima it belongs to, `first` that it starts it, `last` that it completes it. The result leaves
// two cycles later. One element a cycle.
//
// Two successive elements of one entry need the result of the first before it is in the memory;
// only with FORWARD may they follow one another immediately.
module running_maximum #(
    int WIDTH_BITS = 2,
    bit SIGNED = 1,
    int LANES = 8,
    int ENTRIES = 8,
    bit FORWARD = 0,
    string RAM_STYLE = "distributed",
    localparam int ENTRY_WIDTH = ENTRIES > 1 ? $clog2(ENTRIES) : 1
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [LANES*WIDTH_BITS-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    input  logic [ENTRY_WIDTH-1:0] entry,
    input  logic first,
    input  logic last,
    output logic [LANES*WIDTH_BITS-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    typedef logic [WIDTH_BITS-1:0] value_t;
    typedef logic [LANES*WIDTH_BITS-1:0] element_t;

    logic advance, valid_1, first_1, last_1;
    logic [ENTRY_WIDTH-1:0] entry_1;
    element_t element_1, stored, so_far, maxima;

    // Everything stands still while a result waits that the next would overwrite.
    assign advance = !(valid_1 && last_1 && out0_V_TVALID && !out0_V_TREADY);
    assign in0_V_TREADY = advance;

    always_ff @(posedge ap_clk) begin
        if (advance) begin
            element_1 <= in0_V_TDATA;
            entry_1 <= entry;
            first_1 <= first;
            last_1 <= last;
            if (valid_1 && last_1) out0_V_TDATA <= maxima;
        end
        if (!ap_rst_n) begin
            valid_1 <= 1'b0;
            out0_V_TVALID <= 1'b0;
        end else begin
            if (advance) valid_1 <= in0_V_TVALID;
            if (advance) out0_V_TVALID <= (valid_1 && last_1) || (out0_V_TVALID && !out0_V_TREADY);
        end
    end

    if (ENTRIES == 1) begin : single
        always_ff @(posedge ap_clk) if (advance && valid_1) stored <= maxima;
        assign so_far = stored;
    end else begin : memory
        simple_dual_port_ram #(
            .WIDTH(LANES * WIDTH_BITS),
            .DEPTH(ENTRIES),
            .RAM_STYLE(RAM_STYLE)
        ) storage (
            .ap_clk,
            .write(advance && valid_1),
            .write_address(entry_1),
            .write_data(maxima),
            .read(advance),
            .read_address(entry),
            .read_data(stored)
        );
        if (FORWARD) begin : forward
            element_t newest;
            logic is_newest;
            always_ff @(posedge ap_clk) begin
                if (advance) begin
                    newest <= maxima;
                    is_newest <= valid_1 && entry_1 == entry;
                end
            end
            assign so_far = is_newest ? newest : stored;
        end else begin : direct
            assign so_far = stored;
        end
    end

    always_comb begin
        for (int lane = 0; lane < LANES; lane++) begin
            value_t now, held;
            logic less;
            now = element_1[lane*WIDTH_BITS+:WIDTH_BITS];
            held = so_far[lane*WIDTH_BITS+:WIDTH_BITS];
            less = SIGNED ? $signed(now) < $signed(held) : now < held;
            maxima[lane*WIDTH_BITS+:WIDTH_BITS] = !first_1 && less ? held : now;
        end
    end
endmodule
