"""A method that a notebook shows takes effect when its cell runs: it goes into its class.

The cell holds the method as a plain function under ``@method_of(Class)``. Its names are looked up where the
method was written, in its class's module, so that a notebook need not import them, and no variable of the
notebook that happens to have the same name breaks the class. Two kinds of names are taken from the notebook
as it is when the cell runs: functions and classes that were defined there (so that an edit of a shown
function reaches the methods shown below it), and names that the module does not have.
"""

import sys
import types
from collections.abc import Callable
from typing import Any


def method_of(owner: type) -> Callable[[Any], Any]:
    """Decorate a function that becomes the method of that name of a class.

    Parameters
    ----------
    owner : type
        All its instances, old ones too, use the function from now on. Running the unchanged cell again puts
        back what it did before.

    Returns
    -------
    function
        The decorator. What it returns can be called as a plain function, with the instance first.
    """

    def put(method: Any) -> Any:
        made: Any
        if isinstance(method, staticmethod | classmethod):
            made = type(method)(_rebuilt(method.__func__, owner))
        elif isinstance(method, property):
            made = property(*(f and _rebuilt(f, owner) for f in (method.fget, method.fset, method.fdel)))
        else:
            made = _rebuilt(method, owner)
        name = getattr(method, "__name__", None) or method.fget.__name__
        setattr(owner, name, made)
        return made

    return put


def _rebuilt(function: Any, owner: type) -> Any:
    """Return a function with the same code that finds its names in its class's module."""
    home = vars(sys.modules[owner.__module__])
    if isinstance(inner := getattr(function, "__wrapped__", None), types.FunctionType):
        for name in home.keys() & set(
            inner.__code__.co_names
        ):  # a decorator holds it: it keeps the notebook's
            inner.__globals__.setdefault(name, home[name])  # names, and what is missing there is added
        return function
    names = home if function.__globals__ is home else {**function.__globals__, **home}
    if names is not home:
        for name in home.keys() & function.__globals__.keys():
            mine = function.__globals__[name]
            if isinstance(mine, types.FunctionType | type) and mine.__module__ == function.__module__:
                names[name] = mine
    made = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__, made.__annotations__ = function.__kwdefaults__, function.__annotations__
    made.__doc__, made.__module__ = function.__doc__, owner.__module__
    made.__qualname__ = f"{owner.__qualname__}.{function.__name__}"
    return made
