"""What an analyst looks at to judge a campaign or an account."""
