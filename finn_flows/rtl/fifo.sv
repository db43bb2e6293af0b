// First-in first-out buffer of DEPTH elements (3 where DEPTH is 2, which full throughput takes).
// Both directions are cut: TVALID and TREADY are functions of registers alone. Full throughput;
// an element leaves two cycles after it came.
module fifo #(
    int WIDTH = 8,
    int DEPTH = 32,
    string RAM_STYLE = "distributed"  // registers, distributed or block
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
    // One element more waits in the output register.
    localparam int ENTRIES = DEPTH > 3 ? DEPTH - 1 : 2;
    localparam int ADDRESS_WIDTH = $clog2(ENTRIES);
    localparam int COUNT_WIDTH = $clog2(ENTRIES + 1);
    typedef logic [ADDRESS_WIDTH-1:0] address_t;
    typedef logic [COUNT_WIDTH-1:0] count_t;

    address_t write_address, read_address;
    count_t count;
    logic write, read;

    assign in0_V_TREADY = count != count_t'(ENTRIES);
    assign write = in0_V_TVALID && in0_V_TREADY;
    assign read = count != '0 && (!out0_V_TVALID || out0_V_TREADY);

    function automatic address_t next(input address_t address);
        return address == address_t'(ENTRIES - 1) ? '0 : address + address_t'(1);
    endfunction

    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            write_address <= '0;
            read_address <= '0;
            count <= '0;
            out0_V_TVALID <= 1'b0;
        end else begin
            if (write) write_address <= next(write_address);
            if (read) read_address <= next(read_address);
            if (write && !read) count <= count + count_t'(1);
            if (read && !write) count <= count - count_t'(1);
            out0_V_TVALID <= read || (out0_V_TVALID && !out0_V_TREADY);
        end
    end

    simple_dual_port_ram #(
        .WIDTH(WIDTH),
        .DEPTH(ENTRIES),
        .RAM_STYLE(RAM_STYLE)
    ) storage (
        .ap_clk,
        .write,
        .write_address,
        .write_data(in0_V_TDATA),
        .read,
        .read_address,
        .read_data(out0_V_TDATA)
    );
endmodule
