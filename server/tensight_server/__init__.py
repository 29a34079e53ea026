"""The facts in the editor: a language server over the analyzer.

    app             wiring: what the protocol says, who answers
    documents       the open files
    convert         the only place that knows LSP's objects and its way of counting columns
    features/       one file for each thing the editor shows
    analysis        this side of the analysis process          analyst       that process
    evaluation      this side of the evaluation process        evaluator/    that process
    describe, hints facts to plain data, in the analysis process

The server answers at once with what it knows; whatever takes time, or may die, happens in the other two processes.
"""
