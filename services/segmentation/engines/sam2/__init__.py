"""Engine `sam2`: people are found in stills, the patient is chosen among them, and SAM 2 follows everybody's outline.

Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos". The site brings the weights; without them the engine
`motion` answers and says so. The order of the work, one module each:

* `settings`, `weights`: which weights, and whether they can be used; decided when the engine is made, so that its
  digest says what will run.
* `looks`, `detector`: a still every two seconds; the people in it, by RT-DETR where the site has it, else by BlazePose.
* `people`: the same person over the looks; which of them is the patient. Plain numpy.
* `predictor`, `session`: SAM 2 fed frame by frame, with a bounded memory. The only modules that need torch.
* `follow`: the whole recording in overlapping parts, with hand-over (`parts`), prompts again after a loss, and the way
  back from the first sure look.
* `contacts`, `between`: what the masks say of contact and mistaken identity; masks between the followed instants.
* `engine`: puts it together.

Memory: one picture, the memories of the last sixteen instants per person, and the packed masks. SAM 2 itself takes
0.5-2 GB beside; `ICTOGRAM_SEGMENTATION_MEMORY_BYTES` must leave room for it.
"""
