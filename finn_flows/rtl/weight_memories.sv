// Weight memories of all PEs, read together and written one line of one PE at a time. `writing` is
// high in the cycles in which a write takes the port. Read latency one cycle of `enable`.
//
// A configuration address is {line, PE, word}: words of 32 bits, the lowest first; the last
// completes the line.
module weight_memories #(
    int PE = 16,
    int WIDTH = 32,  // of a line of one PE
    int DEPTH = 576,
    string RAM_STYLE = "block",
    localparam int ADDRESS_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic config_we,
    input  logic [31:0] config_address,
    input  logic [31:0] config_d0,
    output logic writing,
    input  logic enable,
    input  logic [ADDRESS_WIDTH-1:0] line,
    output logic [PE*WIDTH-1:0] weights
);
    localparam int WORDS = (WIDTH + 31) / 32;
    localparam int WORD_BITS = $clog2(WORDS);
    localparam int PE_BITS = $clog2(PE);

    logic [PE-1:0] write;
    logic [ADDRESS_WIDTH-1:0] write_line, address;
    logic [WORDS*32-1:0] write_data;

    always_ff @(posedge ap_clk) begin
        if (config_we) begin
            // Earlier words of the line move down.
            write_data <= (WORDS * 32)'({config_d0, write_data} >> 32);
            write_line <= ADDRESS_WIDTH'(config_address >> (WORD_BITS + PE_BITS));
        end
        for (int p = 0; p < PE; p++) begin
            write[p] <= ap_rst_n && config_we
                && config_address % (1 << WORD_BITS) == WORDS - 1
                && (config_address >> WORD_BITS) % (1 << PE_BITS) == p;
        end
        writing <= ap_rst_n && config_we && config_address % (1 << WORD_BITS) == WORDS - 1;
    end

    assign address = writing ? write_line : line;
    for (genvar p = 0; p < PE; p++) begin : pe
        weight_memory #(
            .WIDTH(WIDTH),
            .DEPTH(DEPTH),
            .RAM_STYLE(RAM_STYLE)
        ) storage (
            .ap_clk,
            .enable(enable && !writing),
            .write(write[p]),
            .address,
            .write_data(write_data[WIDTH-1:0]),
            .read_data(weights[p*WIDTH+:WIDTH])
        );
    end
endmodule
