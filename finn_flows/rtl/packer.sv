// Packs the ELEMENTS elements of each image into 64-bit words as finn_flows/wire_packing.py does:
// least significant bits first, the last word of an image filled up with zeros. TLAST comes with
// the last word of each image. Full throughput.
//
// Elements gather in a block of as many words as it takes until an element ends with a word, or as
// an image has; words are dealt out of a copy of it.
module packer #(
    int IN_WIDTH = 8,
    int ELEMENTS = 64
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [IN_WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [63:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY,
    output logic out0_V_TLAST
);
    // IN_WIDTH & -IN_WIDTH: the greatest power of two that divides it.
    localparam int STEP = (IN_WIDTH & -IN_WIDTH) < 64 ? (IN_WIDTH & -IN_WIDTH) : 64;
    localparam int IMAGE_WORDS = (IN_WIDTH * ELEMENTS + 63) / 64;
    localparam int WORDS = IN_WIDTH / STEP < IMAGE_WORDS ? IN_WIDTH / STEP : IMAGE_WORDS;  // of a block
    localparam int FITTING = WORDS * 64 / IN_WIDTH;
    localparam int SLOTS = FITTING < ELEMENTS ? FITTING : ELEMENTS;  // elements of a block
    localparam int BLOCKS = (ELEMENTS + SLOTS - 1) / SLOTS;  // of an image
    localparam int LAST_SLOTS = ELEMENTS - (BLOCKS - 1) * SLOTS;  // elements of the last block
    localparam int LAST_WORDS = (LAST_SLOTS * IN_WIDTH + 63) / 64;
    localparam int SLOT_WIDTH = SLOTS > 1 ? $clog2(SLOTS) : 1;
    localparam int BLOCK_WIDTH = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
    typedef logic [SLOT_WIDTH-1:0] slot_t;
    typedef logic [BLOCK_WIDTH-1:0] block_t;

    slot_t slot;
    block_t block;
    logic accept, last_slot, last_block;
    logic [SLOTS*IN_WIDTH-1:0] gathered;
    logic [WORDS*64-1:0] block_data;
    logic block_valid, block_ready, block_ends_image;

    assign last_block = block == block_t'(BLOCKS - 1);
    assign last_slot = slot == (last_block ? slot_t'(LAST_SLOTS - 1) : slot_t'(SLOTS - 1));
    assign in0_V_TREADY = !block_valid || block_ready;
    assign accept = in0_V_TVALID && in0_V_TREADY;
    assign block_data = (WORDS * 64)'(gathered);

    always_ff @(posedge ap_clk) begin
        for (int i = 0; i < SLOTS; i++) begin
            if (accept && slot == slot_t'(i)) gathered[i*IN_WIDTH+:IN_WIDTH] <= in0_V_TDATA;
            // A block that ends early must not show what an earlier one left.
            else if (accept && slot == '0 && LAST_SLOTS != SLOTS) begin
                gathered[i*IN_WIDTH+:IN_WIDTH] <= '0;
            end
        end
        if (accept) block_ends_image <= last_block;
        if (!ap_rst_n) begin
            slot <= '0;
            block <= '0;
            block_valid <= 1'b0;
        end else begin
            if (accept) begin
                slot <= last_slot ? '0 : slot + slot_t'(1);
                if (last_slot) block <= last_block ? '0 : block + block_t'(1);
            end
            if (in0_V_TREADY) block_valid <= accept && last_slot;
        end
    end

    if (WORDS == 1) begin : one_word
        assign out0_V_TDATA = block_data;
        assign out0_V_TVALID = block_valid;
        assign out0_V_TLAST = block_ends_image;
        assign block_ready = out0_V_TREADY;
    end else begin : words
        localparam int WORD_WIDTH = $clog2(WORDS);
        typedef logic [WORD_WIDTH-1:0] word_t;
        logic [WORDS*64-1:0] held;
        logic held_ends_image, last_word;
        word_t word;

        assign last_word = word == (held_ends_image ? word_t'(LAST_WORDS - 1) : word_t'(WORDS - 1));
        assign block_ready = !out0_V_TVALID || (last_word && out0_V_TREADY);
        assign out0_V_TDATA = held[word*64+:64];
        assign out0_V_TLAST = held_ends_image && last_word;

        always_ff @(posedge ap_clk) begin
            if (block_ready) begin
                held <= block_data;
                held_ends_image <= block_ends_image;
            end
            if (!ap_rst_n) begin
                word <= '0;
                out0_V_TVALID <= 1'b0;
            end else begin
                if (block_ready) out0_V_TVALID <= block_valid;
                if (out0_V_TVALID && out0_V_TREADY) word <= last_word ? '0 : word + word_t'(1);
            end
        end
    end
endmodule
