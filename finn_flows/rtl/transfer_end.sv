// TLAST of the part: on the last word of every `images_per_transfer`-th image, so that one DMA
// transfer can carry a batch. `images_per_transfer` may change while no image is on its way.
module transfer_end (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [31:0] images_per_transfer,
    input  logic image_end,    // this word is the last of its image
    input  logic transferred,  // TVALID && TREADY of this word
    output logic transfer_last
);
    logic [31:0] images, next_images;
    logic last_image;

    assign transfer_last = image_end && last_image;
    always_comb begin
        next_images = images;
        if (image_end && transferred) next_images = last_image ? 32'd0 : images + 32'd1;
    end
    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            images <= 32'd0;
            last_image <= 1'b0;
        end else begin
            images <= next_images;
            last_image <= next_images + 32'd1 == images_per_transfer;
        end
    end
endmodule
