// Takes an element apart into ELEMENTS elements, the least significant bits first. The inverse of
// `gather`. Full throughput; no logic at all for ELEMENTS = 1.
module deal #(
    int OUT_WIDTH = 8,
    int ELEMENTS  = 4
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic ap_clk,  // for ELEMENTS = 1 there is nothing to clock
    input  logic ap_rst_n,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [ELEMENTS*OUT_WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [OUT_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    if (ELEMENTS == 1) begin : wires
        assign out0_V_TDATA = in0_V_TDATA;
        assign out0_V_TVALID = in0_V_TVALID;
        assign in0_V_TREADY = out0_V_TREADY;
    end else begin : selector
        localparam int COUNT_WIDTH = $clog2(ELEMENTS);
        typedef logic [COUNT_WIDTH-1:0] count_t;
        // A selector over a register that keeps still takes fewer LUTs than a shift register that
        // can be loaded.
        logic [ELEMENTS*OUT_WIDTH-1:0] held;
        count_t count;
        logic last;

        assign last = count == count_t'(ELEMENTS - 1);
        assign in0_V_TREADY = !out0_V_TVALID || (last && out0_V_TREADY);
        assign out0_V_TDATA = held[count*OUT_WIDTH+:OUT_WIDTH];

        always_ff @(posedge ap_clk) begin
            if (in0_V_TREADY) held <= in0_V_TDATA;
            if (!ap_rst_n) begin
                count <= '0;
                out0_V_TVALID <= 1'b0;
            end else begin
                if (in0_V_TREADY) out0_V_TVALID <= in0_V_TVALID;
                if (out0_V_TVALID && out0_V_TREADY) count <= last ? '0 : count + count_t'(1);
            end
        end
    end
endmodule
