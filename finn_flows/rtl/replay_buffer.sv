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
        typedef logic [ADDRESS_WIDTH-1:0] address_t;
        typedef logic [ADDRESS_WIDTH:0] count_t;
        address_t head, tail, next;  // to be written; oldest still needed; to be read
        count_t held, unread;  // elements in the buffer; those never read
        logic write, first_read, release_element;
        logic any_unread, first_fold;

        // The buffer's size is a power of two: the top bit alone says that it is full.
        assign in0_V_TREADY = !held[ADDRESS_WIDTH];
        assign readable = any_unread || !first_fold;
        assign write = in0_V_TVALID && in0_V_TREADY;
        assign first_read = read && first_fold;
        assign release_element = read && last_fold;

        always_ff @(posedge ap_clk) begin
            if (!ap_rst_n) begin
                head <= '0;
                tail <= '0;
                next <= '0;
                held <= '0;
                unread <= '0;
                any_unread <= 1'b0;
                first_fold <= 1'b1;
            end else begin
                if (write) head <= head + address_t'(1);
                if (release_element) tail <= tail + address_t'(1);
                if (read) begin
                    next <= last_of_fold && !last_fold ? tail : next + address_t'(1);
                    if (last_of_fold) first_fold <= last_fold;
                end
                if (write && !release_element) held <= held + count_t'(1);
                if (release_element && !write) held <= held - count_t'(1);
                if (write && !first_read) unread <= unread + count_t'(1);
                if (first_read && !write) unread <= unread - count_t'(1);
                any_unread <= write || (any_unread && !(first_read && unread == count_t'(1)));
            end
        end

        simple_dual_port_ram #(
            .WIDTH(WIDTH),
            .DEPTH(1 << ADDRESS_WIDTH),
            .RAM_STYLE(RAM_STYLE)
        ) storage (
            .ap_clk,
            .write,
            .write_address(head),
            .write_data(in0_V_TDATA),
            .read,
            .read_address(next),
            .read_data
        );
    end
endmodule
