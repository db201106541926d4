"""A rule's own tests, run through the very engine that judges live input.

`run_rule_test(catalogue, rule, test)` builds pages and ledgers in memory, feeds them to an `Evaluation` and
compares the tiers that were passed with `test.expect`. It decides nothing itself.

**What `given` means.** Each entry is a name and the value that it has, in natural units (major currency units,
seconds, −1 to 1), in *every* window of the rule's kind while the rule is judged:

- a measure of the rule's KPI: `{checkouts: 300, clicks: 10000}`; a measure that is not named is 0 (a min or max:
  nothing was folded);
- the name that `minimum.measure` uses, when it is another KPI that is one plain measure: `{order_lines: 500}`
  (the KPI's id, or that measure's name);
- `previous: {…}` with the same names: what the same window held `expect.ago` earlier. Without it: all 0;
- `silent_for: 20m`: after all holds have elapsed, nothing more arrives for this long (for rules with `quiet`).

Values must be whole in the stored unit (cents, 10⁻⁶, milliseconds); others are rounded half-even to it.

**What is simulated.** One leaf whose dimensions all have one value; every grouping of the rule sees it. The first
grouping in `rule.scopes` is compared. History begins long enough before that no window is warming up, and the
rule is put in force when its windows already hold what is given, so that nothing but the given values is ever
judged. It is then judged at every pane end until the longest hold has elapsed and five minutes more. Holds of up
to 20 hours on `24h`, 6 days on `7d` and the rest of the period on calendar windows can be tested.

**What `expect` means.** The tiers of the transitions, in their order, up or down: `[yellow, orange]` passed
yellow and stayed at orange; `[]` stayed at none.
"""
