"""Labels that come late: cohorts at equal age, what they measure, and what is estimated before they are there."""
