"""What `prefect deploy` finds in this folder."""

from prefect import flow, task


@task
def label(image_id: int) -> str:
    return f"labels of image {image_id}"


@flow(name="process-image", log_prints=True)
def process_image(image_id: int = 1) -> None:
    print(label(image_id))


@flow(name="broken")
def broken() -> None:
    raise ValueError("this flow fails")
