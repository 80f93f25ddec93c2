"""The program `mistkd`, and the notice that all of it prints."""

NOTICE = "Research use only, not a medical device."
