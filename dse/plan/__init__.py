"""Where to cut, how to fold and on which boards: exact plans, on numbers alone.

Nothing here knows FINN or a network's weights: a :class:`~dse.plan.chain.Chain` of blocks with
their foldings as numbers, a :class:`~dse.plan.fleet.Fleet` of boards and links, and a
:class:`~dse.plan.problem.Problem` of what is wanted. docs/planner.md has the model and the proof.
"""
