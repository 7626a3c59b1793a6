"""What learners of several chapters do wrong in a training step, tried on a model in parts."""

from typing import Any

from lecture_utils.exercises.exercise import Mistake, mistake

__all__ = ["walk_mistakes"]


def walk_mistakes(parts: Any) -> tuple[Mistake, ...]:
    """Return three mistakes in the walk downhill of a class.

    The class has `optimizer`, `adam()`, which makes a new one, and `walk(loss)`, which makes a step with it.
    """

    @mistake("Gradients of all earlier steps are in the second one too. What comes before each backward?")
    class GradientsPileUp(parts):
        def walk(self, loss: Any) -> None:
            loss.backward()
            self.optimizer.step()

    @mistake("Nothing changes from step to step. After backward comes the optimiser's step.")
    class NeverMoved(parts):
        def walk(self, loss: Any) -> None:
            self.optimizer.zero_grad()
            loss.backward()

    @mistake("You make a new Adam in every step, which has forgotten all it knew of the gradients.")
    class NewAdam(parts):
        def walk(self, loss: Any) -> None:
            self.optimizer = self.adam()
            super().walk(loss)

    made: Any = (GradientsPileUp, NeverMoved, NewAdam)  # `mistake` has made a Mistake of each class
    return made
