"""Do the effects of nuisance parameters that are varied together factorise, as the model has it?"""
