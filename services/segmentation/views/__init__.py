"""The views: what classifiers and people look at, made from masks and joints in one pass over the recording.

`make_views` (in `make.py`) makes all kinds that are asked for. `pictures.py` reads the recording, `outline.py` and
`crops.py` say where the patient, the face and the hands are at any instant, `draw.py` paints, `film.py` writes;
`sound.py` takes the noise out of the sound.

=============  =====================================================================================================
full_frame     the proxy itself
silhouette     the patient; everything and everybody else black, grey or blurred
face_crop      a square around the face, from the original files
hands          left half the patient's left hand, right half the right one, from the original files
pose_overlay   the skeleton drawn on the picture: the patient's left orange, right blue
privacy        the patient's shape and the skeleton on black, no pixel of the recording; no sound
audio          intake's sound as it is
denoised_audio the same without its steady noise
transcript     words with times (`services.media.transcript`)
=============  =====================================================================================================

Pictured views are silent videos on the proxy's clock, in the catalogue's pixel size. A recording that stands upright
gets that size turned on its side, so that it costs a model as many tokens; other shapes get black bars.

`View.scale` is never more than the detail of what a view was cut from: enlarged pixels say nothing new. A face crop or
hands cut from the proxy, because the original could not be opened, therefore has at most the proxy's scale.
"""
