// Joins ELEMENTS elements into one, the first in the least significant bits. Full throughput; no
// logic at all for ELEMENTS = 1.
module gather #(
    int IN_WIDTH = 8,
    int ELEMENTS = 4
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic ap_clk,  // for ELEMENTS = 1 there is nothing to clock
    input  logic ap_rst_n,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [IN_WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [ELEMENTS*IN_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    if (ELEMENTS == 1) begin : wires
        assign out0_V_TDATA = in0_V_TDATA;
        assign out0_V_TVALID = in0_V_TVALID;
        assign in0_V_TREADY = out0_V_TREADY;
    end else begin : shift_register
        localparam int COUNT_WIDTH = $clog2(ELEMENTS);
        typedef logic [COUNT_WIDTH-1:0] count_t;
        count_t count;  // elements that came since the last complete one
        logic accept, last;

        assign in0_V_TREADY = !out0_V_TVALID || out0_V_TREADY;
        assign accept = in0_V_TVALID && in0_V_TREADY;
        assign last = count == count_t'(ELEMENTS - 1);

        always_ff @(posedge ap_clk) begin
            if (accept) begin
                out0_V_TDATA <= {in0_V_TDATA, out0_V_TDATA[ELEMENTS*IN_WIDTH-1:IN_WIDTH]};
            end
            if (!ap_rst_n) begin
                count <= '0;
                out0_V_TVALID <= 1'b0;
            end else begin
                if (accept) count <= last ? '0 : count + count_t'(1);
                if (in0_V_TREADY) out0_V_TVALID <= accept && last;
            end
        end
    end
endmodule
