"""A style sheet that leaves a widget alone unless something that its rules ask about has changed.

Textual works out the styles of all widgets below the one whose class or state changes: each time
that details open, a place is gone to, or the focus moves. Few rules ask about that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

if TYPE_CHECKING:
    from textual.css.model import RuleSet
    from textual.css.styles import RulesMap

SYSTEM = "-textual-system"
"""Class of Textual's own widgets, which `*` does not mean."""

Answers = tuple[object, ...]


class Questions:
    """What some rule sets ask: of the node they are for, and of those that hold it."""

    def __init__(self, rule_sets: frozenset[RuleSet]) -> None:
        self._rule_sets = rule_sets
        selectors = [
            selector
            for rule_set in rule_sets
            for selector_set in rule_set.selector_set
            for selector in selector_set.selectors
        ]
        self._names = frozenset(selector.name for selector in selectors) | {SYSTEM}
        self._states = {state for each in selectors for state in each.pseudo_classes}

    def answers(self, node: DOMNode) -> Answers:
        """Return what is so of *node*: as long as it stays the same, so do its styles."""
        answers: list[object] = [self._rule_sets]
        for each in node.css_path_nodes:
            answers += (each._css_type_names, each._id, self._names & each._classes)
            answers += [each.has_pseudo_class(state) for state in self._states]
        return tuple(answers)


class CalmStylesheet(Stylesheet):
    """Styles as Textual's does, but nothing twice."""

    def __init__(self) -> None:
        super().__init__()
        self._styled: WeakKeyDictionary[DOMNode, Answers] = WeakKeyDictionary()
        """What was so of each node when it was styled last."""
        self._read: list[RuleSet] | None = None
        self._by_names: dict[frozenset[str], Questions] = {}
        """By the names of nodes: types, id, classes, and those of what a node is made of."""
        self._by_rules: dict[frozenset[RuleSet], Questions] = {}

    def apply(
        self,
        node: DOMNode,
        *,
        animate: bool = False,
        cache: dict[Answers, RulesMap] | None = None,
    ) -> None:
        """Style *node* when something has changed that its rules ask about."""
        if type(node) is DOMNode:  # stands for what a widget is made of, and only now
            super().apply(node, animate=animate, cache=cache)
            return
        answers = self._questions(node).answers(node)
        if self._styled.get(node) != answers:
            super().apply(node, animate=animate, cache=cache)
            self._styled[node] = answers

    def set_variables(self, variables: dict[str, str]) -> None:
        """Wear other colours, with which all rules are made anew."""
        super().set_variables(variables)
        self._by_rules.clear()

    def _questions(self, node: DOMNode) -> Questions:
        if self._read is not self.rules:  # a widget of a new kind brought some more
            self._read = self.rules
            self._by_names.clear()
        parts = {f".{name}" for name in node._get_component_classes()}
        names = frozenset(node._selector_names | parts)
        if names not in self._by_names:
            found = frozenset(each for name in names for each in self.rules_map.get(name, ()))
            if found not in self._by_rules:
                self._by_rules[found] = Questions(found)
            self._by_names[names] = self._by_rules[found]
        return self._by_names[names]
