// The frame in which ways to multiply and accumulate ternary values are measured: operands come out of
// registers, as they do behind memories, and complete accumulators go into registers. METHOD is one
// of ternary_alternatives.sv, or "library" for the multiply_accumulate of the RTL library.
module ternary_frame #(
    string METHOD = "library",
    int SIMD = 16,
    int PE = 8,
    int SF = 36,
    int ACCU_WIDTH = 12
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    input  logic [(PE+1)*SIMD*2-1:0] in0_V_TDATA,  // activations, then the weights of PE 0, ...
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [PE*ACCU_WIDTH-1:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY  // must stay high
);
    logic [SIMD*2-1:0] activations;
    logic [PE*SIMD*2-1:0] weights;
    logic valid, last, complete, enable;
    logic [PE*ACCU_WIDTH-1:0] accumulators;
    logic [$clog2(SF+1)-1:0] position;

    assign in0_V_TREADY = out0_V_TREADY;
    assign enable = out0_V_TREADY;
    always_ff @(posedge ap_clk) begin
        if (enable) begin
            {weights, activations} <= in0_V_TDATA;
            last <= position == $bits(position)'(SF - 1);
            out0_V_TDATA <= accumulators;
        end
        if (!ap_rst_n) begin
            valid <= 1'b0;
            out0_V_TVALID <= 1'b0;
            position <= '0;
        end else if (enable) begin
            valid <= in0_V_TVALID;
            out0_V_TVALID <= complete;
            if (in0_V_TVALID) position <= position == $bits(position)'(SF - 1) ? '0 : position + 1'b1;
        end
    end

    if (METHOD == "library") begin : from_library
        multiply_accumulate #(
            .SIMD(SIMD),
            .PE(PE),
            .SF(SF),
            .NARROW_ACTIVATIONS(1),
            .NARROW_WEIGHTS(1),
            .ACCU_WIDTH(ACCU_WIDTH)
        ) products (
            .*
        );
    end else begin : alternative
        ternary_alternatives #(
            .METHOD(METHOD),
            .SIMD(SIMD),
            .PE(PE),
            .SF(SF),
            .ACCU_WIDTH(ACCU_WIDTH)
        ) products (
            .*
        );
    end
endmodule
