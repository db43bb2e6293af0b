// For the search of FIFO depths: as `fifo` of the RTL library in every handshake, but its depth is
// given when the simulation starts (+<instance path>=<depth>), and it holds no data, only how many
// elements there would be. What waits does not change when things happen.
//
// Depth 0 is a cut: whatever comes is taken and there is always something to give, as if one part
// ended here and another began.
module fifo #(
    int WIDTH = 8,
    int DEPTH = 32,
    string RAM_STYLE = "distributed"
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    int depth, entries, count;
    logic cut, write, read, output_valid;

    initial begin
        depth = DEPTH;
        if ($value$plusargs($sformatf("%m=%%d"), depth) == 0) depth = DEPTH;
        cut = depth == 0;
        entries = depth > 3 ? depth - 1 : 2;
    end

    assign in0_V_TREADY = cut || count != entries;
    assign out0_V_TVALID = cut || output_valid;
    assign out0_V_TDATA = '0;
    assign write = in0_V_TVALID && in0_V_TREADY;
    assign read = count != 0 && (!output_valid || out0_V_TREADY);

    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            count <= 0;
            output_valid <= 1'b0;
        end else if (!cut) begin
            if (write && !read) count <= count + 1;
            if (read && !write) count <= count - 1;
            output_valid <= read || (output_valid && !out0_V_TREADY);
        end
    end
endmodule
