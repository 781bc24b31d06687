# The service and its worker in one image. compose.yaml starts both, beside PostgreSQL.
FROM python:3.13-slim

# what the paper needs: Pango, HarfBuzz's subsetter, a font (scripts/system_packages pdf)
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /srv/incentives
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY LICENSE README.md pyproject.toml ./
COPY migrations ./migrations
COPY sample_data ./sample_data
COPY src ./src
COPY templates ./templates
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --system --create-home incentives
USER incentives

EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
CMD ["incentives", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-worker"]
