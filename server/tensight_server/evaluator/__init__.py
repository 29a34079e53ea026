"""Values for the editor: the analyzer's interpreter over tensors of the runtime, in a process that may be killed.

    machine.py      the policy: one path, loops are executed, what nobody knows stops the evaluation
    paths.py, iteration.py, generators.py      its statements and conditions, loops, and generators (a thread each)
    domain.py       the domain: a tensor is a tensor of the engine
    natives.py      what the machine's models of torch and Python answer when there is only one answer
    session.py      one program evaluated, and what each place held last
    show.py         a value as text

Nothing of the program is executed by Python: no `exec`, no `eval`, no import; files, input and the network are inert.
"""
