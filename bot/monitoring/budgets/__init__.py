"""The false pages a team bears, split over its monitors, and the limits that keep to it."""
