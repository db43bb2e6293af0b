"""Running a split: boards, pipelines of jobs over them, and what they measured."""
