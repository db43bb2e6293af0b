// The inverse of `packer`: 64-bit words of the wire packing into the ELEMENTS elements of each
// image; the padding of an image's last word is dropped. Full throughput.
module unpacker #(
    int OUT_WIDTH = 8,
    int ELEMENTS  = 64
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [63:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [OUT_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    // OUT_WIDTH & -OUT_WIDTH: the greatest power of two that divides it.
    localparam int STEP = (OUT_WIDTH & -OUT_WIDTH) < 64 ? (OUT_WIDTH & -OUT_WIDTH) : 64;
    localparam int IMAGE_WORDS = (OUT_WIDTH * ELEMENTS + 63) / 64;
    localparam int WORDS = OUT_WIDTH / STEP < IMAGE_WORDS ? OUT_WIDTH / STEP : IMAGE_WORDS;  // of a block
    localparam int FITTING = WORDS * 64 / OUT_WIDTH;
    localparam int SLOTS = FITTING < ELEMENTS ? FITTING : ELEMENTS;  // elements of a block
    localparam int BLOCKS = (ELEMENTS + SLOTS - 1) / SLOTS;  // of an image
    localparam int LAST_SLOTS = ELEMENTS - (BLOCKS - 1) * SLOTS;  // elements of the last block
    localparam int LAST_WORDS = (LAST_SLOTS * OUT_WIDTH + 63) / 64;
    localparam int SLOT_WIDTH = SLOTS > 1 ? $clog2(SLOTS) : 1;
    localparam int BLOCK_WIDTH = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
    typedef logic [SLOT_WIDTH-1:0] slot_t;
    typedef logic [BLOCK_WIDTH-1:0] block_t;

    logic [WORDS*64-1:0] block_data;
    logic block_valid, block_ready;

    if (WORDS == 1) begin : one_word
        assign block_data = in0_V_TDATA;
        assign block_valid = in0_V_TVALID;
        assign in0_V_TREADY = block_ready;
    end else begin : words
        localparam int WORD_WIDTH = $clog2(WORDS);
        typedef logic [WORD_WIDTH-1:0] word_t;
        word_t word;
        block_t arriving;
        logic accept, last_word, last_arriving;

        assign last_arriving = arriving == block_t'(BLOCKS - 1);
        assign last_word = word == (last_arriving ? word_t'(LAST_WORDS - 1) : word_t'(WORDS - 1));
        assign in0_V_TREADY = !block_valid || block_ready;
        assign accept = in0_V_TVALID && in0_V_TREADY;

        always_ff @(posedge ap_clk) begin
            for (int i = 0; i < WORDS; i++) begin
                if (accept && word == word_t'(i)) block_data[i*64+:64] <= in0_V_TDATA;
            end
            if (!ap_rst_n) begin
                word <= '0;
                arriving <= '0;
                block_valid <= 1'b0;
            end else begin
                if (accept) begin
                    word <= last_word ? '0 : word + word_t'(1);
                    if (last_word) arriving <= last_arriving ? '0 : arriving + block_t'(1);
                end
                if (in0_V_TREADY) block_valid <= accept && last_word;
            end
        end
    end

    logic [SLOTS*OUT_WIDTH-1:0] held;
    slot_t slot;
    block_t block;
    logic last_slot, last_block;

    assign last_block = block == block_t'(BLOCKS - 1);
    assign last_slot = slot == (last_block ? slot_t'(LAST_SLOTS - 1) : slot_t'(SLOTS - 1));
    assign block_ready = !out0_V_TVALID || (last_slot && out0_V_TREADY);
    if (SLOTS == 1) begin : one_slot
        assign out0_V_TDATA = held;
    end else begin : select_slot
        assign out0_V_TDATA = held[slot*OUT_WIDTH+:OUT_WIDTH];
    end

    always_ff @(posedge ap_clk) begin
        if (block_ready) held <= block_data[SLOTS*OUT_WIDTH-1:0];
        if (!ap_rst_n) begin
            slot <= '0;
            block <= '0;
            out0_V_TVALID <= 1'b0;
        end else begin
            if (block_ready) out0_V_TVALID <= block_valid;
            if (out0_V_TVALID && out0_V_TREADY) begin
                slot <= last_slot ? '0 : slot + slot_t'(1);
                if (last_slot) block <= last_block ? '0 : block + block_t'(1);
            end
        end
    end
endmodule
