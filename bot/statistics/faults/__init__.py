"""What happened to a column: hypotheses of a fault, each with how much of the change it explains.

A fault can only be named where the rows show it. It can't be told (`identifiable.can_be_told`) where

1. the window with it differs from the same window without it by less than two windows of this size differ in one of
   twenty comparisons: a Kolmogorov-Smirnov distance (of categories half the sum of the differences of the shares) under
   1.36 sqrt(2 / rows). A sign flip of a symmetric column, or a fill of what nearly all rows hold, falls under it;
2. rows that repeat are the fault, and fewer than a tenth of the rows got another value, or rows repeat anyway;
3. two categories are swapped in so few rows that neither overtakes the other: that only moves two shares, as the world
   does by itself.

How often the right fault is named first is measured on the others alone (`tests/suites/faults`).
"""
