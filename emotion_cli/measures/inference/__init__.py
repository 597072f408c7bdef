"""What chance gives: draws, relabellings, ranks, intervals."""
