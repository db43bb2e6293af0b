// A block RAM as UG473 ("7 Series FPGAs Memory Resources") describes it, without output registers
// and error correction: what Yosys emits. Ports A and B as in RAMB18E1 and RAMB36E1, their
// data and parity side by side; both run on `clock`. An address counts bits of data; low bits that
// a width does not need are ignored (UG473 tables 1-13 and 1-14).
//
// Where UG473 leaves open what is read (an address that the other port writes in the same cycle,
// unless that port is READ_FIRST), this model reads the complement of what was there, so that a
// circuit that relies on anything differs.
module block_memory #(
    int DATA_BITS = 16384,
    bit [DATA_BITS-1:0] INIT = '0,
    bit [DATA_BITS/8-1:0] INITP = '0,
    int READ_WIDTH_A = 0,
    int READ_WIDTH_B = 0,
    int WRITE_WIDTH_A = 0,
    int WRITE_WIDTH_B = 0,
    string WRITE_MODE_A = "WRITE_FIRST",
    string WRITE_MODE_B = "WRITE_FIRST",
    bit [71:0] INIT_A = '0,
    bit [71:0] INIT_B = '0,
    bit [71:0] SRVAL_A = '0,
    bit [71:0] SRVAL_B = '0,
    localparam int ADDRESS_BITS = $clog2(DATA_BITS)
) (
    input  logic clock,
    input  logic enable_a, enable_b,
    input  logic reset_a, reset_b,
    input  logic [ADDRESS_BITS-1:0] address_a, address_b,
    input  logic [7:0] write_a, write_b,
    input  logic [71:0] in_a, in_b,  // parity above 64 bits of data
    output logic [71:0] out_a = INIT_A,
    output logic [71:0] out_b = INIT_B
);
    logic [DATA_BITS-1:0] data = INIT;
    logic [DATA_BITS/8-1:0] parity = INITP;

    // Bits of data in a port of so many bits, parity included.
    function automatic int data_width(input int width);
        return width < 9 ? width : width / 9 * 8;
    endfunction

    function automatic int first_bit(input int address, input int width);
        return width == 0 ? 0 : address / data_width(width) * data_width(width);
    endfunction

    function automatic logic [71:0] read(input int address, input int width);
        automatic logic [71:0] value = '0;
        automatic int first = first_bit(address, width);
        for (int i = 0; i < data_width(width); i++) value[i] = data[first+i];
        if (width >= 9) for (int i = 0; i < width / 9; i++) value[64+i] = parity[first/8+i];
        return value;
    endfunction

    function automatic logic [71:0] mask(input int width, input logic [7:0] write);
        automatic logic [71:0] bits = '0;
        for (int i = 0; i < data_width(width); i++) bits[i] = write[i/8];
        if (width >= 9) for (int i = 0; i < width / 9; i++) bits[64+i] = write[i];
        return bits;
    endfunction

    function automatic bit collides(input int address, input int width, input int other_address,
                                    input int other_width);
        automatic int first = first_bit(address, width);
        automatic int other = first_bit(other_address, other_width);
        return first < other + data_width(other_width) && other < first + data_width(width);
    endfunction

    function automatic logic [71:0] port_output(
        input int address, input int width, input bit resets, input logic [71:0] reset_value,
        input bit writes, input string mode, input int write_width, input logic [7:0] write,
        input logic [71:0] value, input logic [71:0] now, input bit collision
    );
        automatic logic [71:0] old = read(address, width);
        if (resets) return reset_value;
        if (collision) return ~old;
        if (!writes || mode == "READ_FIRST") return old;
        if (mode == "NO_CHANGE") return now;
        if (write_width != width) return ~old;  // not emitted: what is read is not modelled
        return (old & ~mask(width, write)) | (value & mask(width, write));
    endfunction

    logic writes_a, writes_b;
    assign writes_a = enable_a && WRITE_WIDTH_A != 0 && |write_a;
    assign writes_b = enable_b && WRITE_WIDTH_B != 0 && |write_b;

    always_ff @(posedge clock) begin
        if (enable_a && READ_WIDTH_A != 0)
            out_a <= port_output(
                int'(address_a), READ_WIDTH_A, reset_a, SRVAL_A, writes_a, WRITE_MODE_A,
                WRITE_WIDTH_A, write_a, in_a, out_a,
                writes_b && WRITE_MODE_B != "READ_FIRST"
                    && collides(int'(address_a), READ_WIDTH_A, int'(address_b), WRITE_WIDTH_B));
        if (enable_b && READ_WIDTH_B != 0)
            out_b <= port_output(
                int'(address_b), READ_WIDTH_B, reset_b, SRVAL_B, writes_b, WRITE_MODE_B,
                WRITE_WIDTH_B, write_b, in_b, out_b,
                writes_a && WRITE_MODE_A != "READ_FIRST"
                    && collides(int'(address_b), READ_WIDTH_B, int'(address_a), WRITE_WIDTH_A));
        if (writes_a) begin
            for (int i = 0; i < data_width(WRITE_WIDTH_A); i++)
                if (write_a[i/8]) data[first_bit(int'(address_a), WRITE_WIDTH_A)+i] <= in_a[i];
            if (WRITE_WIDTH_A >= 9)
                for (int i = 0; i < WRITE_WIDTH_A / 9; i++)
                    if (write_a[i])
                        parity[first_bit(int'(address_a), WRITE_WIDTH_A)/8+i] <= in_a[64+i];
        end
        if (writes_b) begin
            for (int i = 0; i < data_width(WRITE_WIDTH_B); i++)
                if (write_b[i/8]) data[first_bit(int'(address_b), WRITE_WIDTH_B)+i] <= in_b[i];
            if (WRITE_WIDTH_B >= 9)
                for (int i = 0; i < WRITE_WIDTH_B / 9; i++)
                    if (write_b[i])
                        parity[first_bit(int'(address_b), WRITE_WIDTH_B)/8+i] <= in_b[64+i];
        end
    end
endmodule
