// AXI4-Lite slave through which a part is identified and its memories are filled.
//
//   0x00 R   identity of the part
//   0x04 RW  images per transfer: TLAST comes after that many (1 after reset)
//   0x08 RW  index of the layer that is configured
//   0x0C RW  configuration address
//   0x10 W   data: one configuration write, after which the address is one higher
//
// One write a cycle. Words only: a write with byte strobes missing is answered SLVERR and ignored.
// Other addresses read as zero and ignore writes.
module axilite_configuration #(
    logic [31:0] IDENTITY = 32'h0
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [7:0] s_axilite_awaddr,  // of a word: the lowest two bits do not count
    input  logic [7:0] s_axilite_araddr,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic s_axilite_awvalid,
    output logic s_axilite_awready,
    input  logic [31:0] s_axilite_wdata,
    input  logic [3:0] s_axilite_wstrb,
    input  logic s_axilite_wvalid,
    output logic s_axilite_wready,
    output logic [1:0] s_axilite_bresp,
    output logic s_axilite_bvalid,
    input  logic s_axilite_bready,
    input  logic s_axilite_arvalid,
    output logic s_axilite_arready,
    output logic [31:0] s_axilite_rdata,
    output logic [1:0] s_axilite_rresp,
    output logic s_axilite_rvalid,
    input  logic s_axilite_rready,
    output logic [7:0] config_layer,
    output logic config_we,
    // Kept whole, so that a part is the sum of its layers whatever bits they look at.
    (* keep *) output logic [31:0] config_address,
    output logic [31:0] config_d0,
    output logic [31:0] images_per_transfer
);
    localparam logic [5:0] IDENTITY_WORD = 6'h0;
    localparam logic [5:0] IMAGES_WORD = 6'h1;
    localparam logic [5:0] LAYER_WORD = 6'h2;
    localparam logic [5:0] ADDRESS_WORD = 6'h3;
    localparam logic [5:0] DATA_WORD = 6'h4;
    localparam logic [1:0] OKAY = 2'b00;
    localparam logic [1:0] SLVERR = 2'b10;

    logic [7:0] layer;
    logic [31:0] address;
    logic write, whole;

    // Address and data are taken together, as soon as both are there.
    assign write = s_axilite_awvalid && s_axilite_wvalid && (!s_axilite_bvalid || s_axilite_bready);
    assign whole = s_axilite_wstrb == 4'hF;
    assign s_axilite_awready = write;
    assign s_axilite_wready = write;
    assign s_axilite_arready = !s_axilite_rvalid || s_axilite_rready;
    assign s_axilite_rresp = OKAY;

    always_ff @(posedge ap_clk) begin
        if (write) s_axilite_bresp <= whole ? OKAY : SLVERR;
        config_layer <= layer;
        config_address <= address;
        config_d0 <= s_axilite_wdata;
        if (!ap_rst_n) begin
            s_axilite_bvalid <= 1'b0;
            config_we <= 1'b0;
            images_per_transfer <= 32'd1;
            layer <= '0;
            address <= '0;
        end else begin
            s_axilite_bvalid <= write || (s_axilite_bvalid && !s_axilite_bready);
            config_we <= 1'b0;
            if (write && whole) begin
                case (s_axilite_awaddr[7:2])
                    IMAGES_WORD: images_per_transfer <= s_axilite_wdata;
                    LAYER_WORD: layer <= s_axilite_wdata[7:0];
                    ADDRESS_WORD: address <= s_axilite_wdata;
                    DATA_WORD: begin
                        config_we <= 1'b1;
                        address <= address + 32'd1;
                    end
                    default: ;
                endcase
            end
        end
    end

    always_ff @(posedge ap_clk) begin
        if (s_axilite_arready) begin
            case (s_axilite_araddr[7:2])
                IDENTITY_WORD: s_axilite_rdata <= IDENTITY;
                IMAGES_WORD: s_axilite_rdata <= images_per_transfer;
                LAYER_WORD: s_axilite_rdata <= 32'(layer);
                ADDRESS_WORD: s_axilite_rdata <= address;
                default: s_axilite_rdata <= '0;
            endcase
        end
        if (!ap_rst_n) s_axilite_rvalid <= 1'b0;
        else if (s_axilite_arready) s_axilite_rvalid <= s_axilite_arvalid;
    end
endmodule
