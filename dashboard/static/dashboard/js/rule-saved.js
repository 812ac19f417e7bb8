// Where a rule that was saved leads to: what was typed need not be kept any more.

sessionStorage.removeItem("logic-rule");
