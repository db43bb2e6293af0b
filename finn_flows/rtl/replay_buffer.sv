// Gives out each group of SF elements NF times in a row: element by element, one whenever `read` is
// high, `read_data` one cycle later. Read only while `readable`.
//
// The buffer is circular and at least two elements deeper than a group: elements of the next group
// enter as soon as there is room, so that groups follow one another without a gap. An element is
// let go when it is read for the last time. in0_V_TREADY is a function of registers alone.
module replay_buffer #(
    int WIDTH = 32,
    int SF = 36,
    int NF = 4,
    string RAM_STYLE = "distributed"  // registers, distributed or block
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [WIDTH-1:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic readable,
    input  logic read,
    input  logic last_of_fold,  // the element being read is the last of its group
    input  logic last_fold,  // and this time is the last
    output logic [WIDTH-1:0] read_data
);
    if (NF == 1) begin : register
        // Nothing is read twice.
        assign readable = in0_V_TVALID;
        assign in0_V_TREADY = read;
        always_ff @(posedge ap_clk) if (read) read_data <= in0_V_TDATA;
    end else begin : circular
        localparam int ADDRESS_WIDTH = $clog2(SF + 2);
        // One bit more than an address tells a full buffer from an empty one.
        typedef logic [ADDRESS_WIDTH:0] pointer_t;
        pointer_t head, tail, next;  // to be written; oldest still needed; to be read
        logic write;

        assign in0_V_TREADY = head != {~tail[ADDRESS_WIDTH], tail[ADDRESS_WIDTH-1:0]};
        assign readable = next != head;
        assign write = in0_V_TVALID && in0_V_TREADY;

        always_ff @(posedge ap_clk) begin
            if (!ap_rst_n) begin
                head <= '0;
                tail <= '0;
                next <= '0;
            end else begin
                if (write) head <= head + pointer_t'(1);
                if (read && last_fold) tail <= tail + pointer_t'(1);
                if (read) next <= last_of_fold && !last_fold ? tail : next + pointer_t'(1);
            end
        end

        simple_dual_port_ram #(
            .WIDTH(WIDTH),
            .DEPTH(1 << ADDRESS_WIDTH),
            .RAM_STYLE(RAM_STYLE)
        ) storage (
            .ap_clk,
            .write,
            .write_address(head[ADDRESS_WIDTH-1:0]),
            .write_data(in0_V_TDATA),
            .read,
            .read_address(next[ADDRESS_WIDTH-1:0]),
            .read_data
        );
    end
endmodule
