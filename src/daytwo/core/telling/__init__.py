"""What channels share: sending within a time, HTTP posts whose answers are judged alike, and text that is made safe."""
