"""Words through a part: results, cycles, stalls, statistics, and every rule that can be broken."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_flows.simulation.part_process import PartProcess, Stalls
from finn_flows.simulation.simulate import compile_circuit, simulate
from finn_flows.simulation.verilator import SimulationError
from tests.finn_flows.simulation.small_part import (
    CYCLES,
    WORDS,
    small_images,
    small_part,
    small_results,
)

pytestmark = pytest.mark.usefixtures("in_simulation_cache")


def test_words_cycles_and_streams_of_a_part_that_runs_freely() -> None:
    images = small_images(9)
    result = simulate(small_part(), images)
    np.testing.assert_array_equal(result.words, small_results(images))
    assert result.steady_state_interval == WORDS * CYCLES
    assert result.is_settled
    assert result.intervals.tolist() == [WORDS * CYCLES] * 8
    # In and out of each FIFO in two cycles, five in the layer, and three more words behind it.
    assert result.latency == WORDS * CYCLES + 2 + 2 + 1
    by_name = {stream.name: stream for stream in result.streams}
    assert list(by_name) == [*small_part().streams, "s_axis_0", "m_axis_0"]
    for stream in result.streams:
        assert stream.beats == 4 * WORDS, stream  # the later half: four images
        assert stream.cycles == 4 * WORDS * CYCLES
        assert stream.beats + stream.blocked + stream.starved + stream.idle == stream.cycles
        assert stream.idle >= 0
    assert by_name["from fifo_conv0"].share("blocked") == (CYCLES - 1) / CYCLES
    assert by_name["from conv0"].share("starved") == (CYCLES - 1) / CYCLES
    assert by_name["s_axis_0"].blocked == by_name["words unpacked"].blocked > 0
    assert result.bottleneck is not None
    assert result.bottleneck.label == "conv0"
    assert result.bottleneck.load == 1.0


def test_the_steady_state_needs_four_images() -> None:
    assert simulate(small_part(), small_images(3)).steady_state_interval is None
    assert simulate(small_part(), small_images(4)).steady_state_interval == WORDS * CYCLES


@given(
    seed=st.integers(0, 2**62),
    at_input=st.floats(0, 0.95),
    at_output=st.floats(0, 0.95),
    images=st.integers(1, 12),
)
@settings(max_examples=25, deadline=None)
def test_stalls_change_when_and_never_what(
    seed: int, at_input: float, at_output: float, images: int
) -> None:
    words = small_images(images, seed % 1000)
    stalls = Stalls(seed, at_input, at_output)
    first, again = (simulate(small_part(), words, stalls=stalls) for _ in range(2))
    np.testing.assert_array_equal(first.words, small_results(words))
    np.testing.assert_array_equal(first.last_out, again.last_out)
    assert (first.intervals >= WORDS).all()


def test_stalls_come_as_often_as_they_should() -> None:
    result = simulate(small_part(), small_images(600), stalls=Stalls(3, 0.0, 0.5))
    taking = sum(window[-1].blocked for window in result.windows)
    moved = sum(window[-1].beats for window in result.windows)
    assert 0.4 < taking / (taking + moved) < 0.6  # half of the words offered must wait
    assert simulate(small_part(), small_images(20)).windows[-1][-1].blocked == 0


def test_stalls_at_the_input_starve_the_part() -> None:
    # A word in forty cycles on average, where the part takes one in five.
    result = simulate(small_part(), small_images(40), stalls=Stalls(1, 0.975, 0.0))
    assert result.steady_state_interval is not None
    assert result.steady_state_interval > 3 * WORDS * CYCLES
    # Two words may come close together, but rarely do.
    before = {stream.name: stream for stream in result.streams}["from fifo_conv0"]
    assert before.share("blocked") < 0.02 < before.share("beats") + 0.01
    assert before.share("without_data") > 0.9


@pytest.mark.parametrize(
    ("fault", "stalls", "message"),
    [
        (2, None, "TLAST came too early: image 0, word 1, cycle"),
        (3, None, "TLAST is missing: image 0, word 3, cycle"),
        (4, Stalls(0, 0.0, 0.7), "m_axis_0 took TVALID back before TREADY"),
        (5, Stalls(0, 0.0, 0.7), "m_axis_0 changed TDATA before TREADY"),
        (6, None, "m_axis_0 gave a word before any word of its image went in"),
    ],
)
def test_a_broken_rule_is_named(fault: int, stalls: Stalls | None, message: str) -> None:
    images = small_images(5)
    if fault in (4, 5):
        simulate(small_part(), images, stalls=stalls)  # keeps the rule without the fault
    with pytest.raises(SimulationError, match=message):
        simulate(small_part(fault), images, stalls=stalls)


def test_a_deadlock_names_who_waits_for_whom() -> None:
    with pytest.raises(SimulationError) as caught:
        simulate(small_part(1), small_images(5))
    line = str(caught.value)
    assert re.match(r"deadlock, nothing moves: image 0, word 2, cycle \d+; blocked: ", line)
    assert "blocked: words unpacked, from fifo_conv0, s_axis_0; " in line
    assert "without data: from conv0, m_axis_0" in line


def test_an_inner_stream_that_takes_a_word_back_is_named() -> None:
    whole = dict(small_part().sources)["part.sv"]
    broken = whole.replace(
        "if (out0_V_TREADY) out0_V_TVALID <= 1'b0;", "out0_V_TVALID <= 1'b0;"
    ).replace(
        'DEPTH(4), .RAM_STYLE("distributed")) last', 'DEPTH(2), .RAM_STYLE("registers")) last'
    )
    assert broken.count("DEPTH(2)") == 1
    with pytest.raises(SimulationError, match=r"took TVALID back before TREADY \(from conv0\)"):
        simulate(small_part(text=broken), small_images(9), stalls=Stalls(0, 0.0, 0.95))


def test_another_circuit_is_noticed_by_its_identity() -> None:
    with pytest.raises(SimulationError, match="says that it is 0x12345678; expected 0x00000001"):
        simulate(small_part(identity=1), small_images(1))


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(SimulationError, match=r"images of shape \(3,\)"):
        simulate(small_part(), np.zeros((2, 3), dtype=np.uint64))
    with pytest.raises(SimulationError, match="no images"):
        simulate(small_part(), small_images(0))


def test_stalls_of_no_probability_are_refused() -> None:
    for wrong in (-0.1, 1.0, 2.0, float("nan")):
        with pytest.raises(SimulationError, match="expected 0 to less than 1"):
            Stalls(0, 0.0, wrong)


def test_a_service_gives_results_without_being_told_to_wait() -> None:
    circuit = small_part()
    program = compile_circuit(circuit).program
    with PartProcess(program, circuit, eager=True) as process:
        process.configure()
        for seed in range(20):
            image = small_images(1, seed)
            process.send(image)
            np.testing.assert_array_equal(process.receive(), small_results(image)[0])


def test_many_images_in_one_message_and_many_messages() -> None:
    """More than fits into a pipe, in both directions at once."""
    circuit = small_part()
    images = small_images(20_000)
    with PartProcess(compile_circuit(circuit).program, circuit) as process:
        process.configure()
        process.send(images)
        process.wait()
        found = np.array([process.receive() for _ in range(len(images))])
        process.finish()
    np.testing.assert_array_equal(found, small_results(images))


def test_a_program_that_dies_is_an_error_not_a_hang() -> None:
    circuit = small_part()
    with PartProcess(compile_circuit(circuit).program, circuit) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.send(small_images(1))
        process.wait()
        with pytest.raises(SimulationError, match="ended by SIGKILL"):
            process.receive()


def test_weights_need_not_be_written() -> None:
    images = small_images(5)
    result = simulate(small_part(), images, configure=False)
    np.testing.assert_array_equal(result.words, images)
    assert result.configuration_cycles == 0
    written = simulate(small_part(), images)
    np.testing.assert_array_equal(written.intervals, result.intervals)
    # Seven data writes, of which three need the address written first, and one the layer.
    assert 7 + 3 + 1 <= written.configuration_cycles <= 7 + 3 + 1 + 8


def test_memory_files_are_where_the_circuit_reads_them() -> None:
    whole = dict(small_part().sources)["part.sv"]
    reading = whole.replace(
        "    logic [31:0] fault;",
        "    logic [31:0] fault, initial_offsets[4];\n"
        '    initial $readmemh("offsets.mem", initial_offsets);',
    ).replace("offsets <= '{default: 0};", "offsets <= initial_offsets;")
    circuit = replace(small_part(text=reading), memory_files=(("offsets.mem", "1\n2\n3\nff\n"),))
    images = small_images(4)
    result = simulate(circuit, images, configure=False)
    np.testing.assert_array_equal(result.words, images + np.array([1, 2, 3, 255], dtype=np.uint64))
