// A part for tests of the harness: four words an image, each given back plus an offset that is
// configured. FIFO, a layer that takes CYCLES cycles a word, FIFO. A configuration write to layer
// FAULTS makes it break a rule: see test_rules.py.
module slow_adder #(
    int CYCLES = 5
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [63:0] offset,
    input  logic jam,
    input  logic [63:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [63:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    int left;
    assign in0_V_TREADY = left == 0 && !jam && (!out0_V_TVALID || out0_V_TREADY);
    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            left <= 0;
            out0_V_TVALID <= 1'b0;
        end else begin
            if (out0_V_TREADY) out0_V_TVALID <= 1'b0;
            if (in0_V_TVALID && in0_V_TREADY) begin
                left <= CYCLES - 1;
                out0_V_TDATA <= in0_V_TDATA + offset;
                if (CYCLES == 1) out0_V_TVALID <= 1'b1;
            end else if (left != 0) begin
                left <= left - 1;
                if (left == 1) out0_V_TVALID <= 1'b1;
            end
        end
    end
endmodule

module part (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [63:0] s_axis_0_tdata,
    input  logic s_axis_0_tvalid,
    output logic s_axis_0_tready,
    output logic [63:0] m_axis_0_tdata,
    output logic m_axis_0_tvalid,
    input  logic m_axis_0_tready,
    output logic m_axis_0_tlast,
    input  logic [7:0] s_axilite_awaddr,
    input  logic s_axilite_awvalid,
    output logic s_axilite_awready,
    input  logic [31:0] s_axilite_wdata,
    input  logic [3:0] s_axilite_wstrb,
    input  logic s_axilite_wvalid,
    output logic s_axilite_wready,
    output logic [1:0] s_axilite_bresp,
    output logic s_axilite_bvalid,
    input  logic s_axilite_bready,
    input  logic [7:0] s_axilite_araddr,
    input  logic s_axilite_arvalid,
    output logic s_axilite_arready,
    output logic [31:0] s_axilite_rdata,
    output logic [1:0] s_axilite_rresp,
    output logic s_axilite_rvalid,
    input  logic s_axilite_rready
);
    logic [7:0] config_layer;
    logic config_we;
    logic [31:0] config_address, config_d0, images_per_transfer;
    axilite_configuration #(.IDENTITY(32'h12345678)) configuration (.*);

    // Offsets: one for each of the four words, at addresses 0 to 3 of layer 3.
    logic [31:0] offsets[4];
    logic [31:0] fault;
    logic [1:0] word_in, word_out;
    int taken;
    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            fault <= 0;
            word_in <= 0;
            word_out <= 0;
            taken <= 0;
            offsets <= '{default: 0};
        end else begin
            if (config_we && config_layer == 8'd3) offsets[config_address[1:0]] <= config_d0;
            if (config_we && config_layer == 8'd99) fault <= config_d0;
            if (stream_1_tvalid && stream_1_tready) word_in <= word_in + 2'd1;
            if (m_axis_0_tvalid && m_axis_0_tready) word_out <= word_out + 2'd1;
            if (s_axis_0_tvalid && s_axis_0_tready) taken <= taken + 1;
        end
    end

    logic [63:0] stream_0_tdata, stream_1_tdata, stream_2_tdata, last_tdata;
    logic stream_0_tvalid, stream_0_tready, stream_1_tvalid, stream_1_tready;
    logic stream_2_tvalid, stream_2_tready, last_tvalid, last_tready, ticks;

    assign stream_0_tdata = s_axis_0_tdata;
    assign stream_0_tvalid = s_axis_0_tvalid;
    assign s_axis_0_tready = stream_0_tready;
    fifo #(.WIDTH(64), .DEPTH(4), .RAM_STYLE("distributed")) fifo_conv0 (
        .ap_clk, .ap_rst_n,
        .in0_V_TDATA(stream_0_tdata), .in0_V_TVALID(stream_0_tvalid), .in0_V_TREADY(stream_0_tready),
        .out0_V_TDATA(stream_1_tdata), .out0_V_TVALID(stream_1_tvalid), .out0_V_TREADY(stream_1_tready)
    );
    slow_adder conv0 (
        .ap_clk, .ap_rst_n, .offset(64'(offsets[word_in])), .jam(fault == 1 && taken >= 6),
        .in0_V_TDATA(stream_1_tdata), .in0_V_TVALID(stream_1_tvalid), .in0_V_TREADY(stream_1_tready),
        .out0_V_TDATA(stream_2_tdata), .out0_V_TVALID(stream_2_tvalid), .out0_V_TREADY(stream_2_tready)
    );
    fifo #(.WIDTH(64), .DEPTH(4), .RAM_STYLE("distributed")) last (
        .ap_clk, .ap_rst_n,
        .in0_V_TDATA(stream_2_tdata), .in0_V_TVALID(stream_2_tvalid), .in0_V_TREADY(stream_2_tready),
        .out0_V_TDATA(last_tdata), .out0_V_TVALID(last_tvalid), .out0_V_TREADY(last_tready)
    );
    always_ff @(posedge ap_clk) ticks <= ap_rst_n && !ticks;
    assign last_tready = m_axis_0_tready && !(fault == 4 && !ticks);
    assign m_axis_0_tvalid = (last_tvalid && !(fault == 4 && !ticks)) || fault == 6;
    assign m_axis_0_tdata = last_tdata + 64'(fault == 5 && ticks);
    assign m_axis_0_tlast = (word_out == 2'd3 && fault != 3) || (word_out == 2'd1 && fault == 2);
endmodule
