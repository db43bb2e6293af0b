// How many of N bits are set, without registers: six bits become a three-bit number in three LUTs (a
// 6:3 compressor), bits of equal weight of all those numbers are counted in the same way.
module popcount #(
    int N = 16,
    localparam int COUNT_WIDTH = $clog2(N + 1)
) (
    input  logic [N-1:0] bits,
    output logic [COUNT_WIDTH-1:0] count
);
    // Bit `bit_index` of the count, for every value of six bits. Tables: Yosys makes carry chains of
    // a sum.
    function automatic logic [63:0] plane(input int bit_index);
        for (int value = 0; value < 64; value++) begin
            plane[value] = 1'(($countones(6'(value)) >> bit_index) & 1);
        end
    endfunction
    localparam logic [2:0][63:0] TABLES = {plane(2), plane(1), plane(0)};

    if (N <= 6) begin : compressor
        for (genvar b = 0; b < COUNT_WIDTH; b++) begin : planes
            assign count[b] = TABLES[b][6'(bits)];
        end
    end else begin : compressor_tree
        localparam int GROUPS = (N + 5) / 6;
        localparam int COLUMN_WIDTH = $clog2(GROUPS + 1);
        logic [2:0][GROUPS-1:0] columns;
        logic [2:0][COLUMN_WIDTH-1:0] counts;
        for (genvar g = 0; g < GROUPS; g++) begin : groups
            localparam int SIZE = N - g * 6 < 6 ? N - g * 6 : 6;
            logic [$clog2(SIZE+1)-1:0] number;
            popcount #(.N(SIZE)) compressing (.bits(bits[g*6+:SIZE]), .count(number));
            assign {columns[2][g], columns[1][g], columns[0][g]} = 3'(number);
        end
        for (genvar c = 0; c < 3; c++) begin : column_counts
            popcount #(.N(GROUPS)) counting (.bits(columns[c]), .count(counts[c]));
        end
        assign count = COUNT_WIDTH'(counts[0]) + (COUNT_WIDTH'(counts[1]) << 1)
            + (COUNT_WIDTH'(counts[2]) << 2);
    end
endmodule
